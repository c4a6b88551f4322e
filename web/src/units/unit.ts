// What numbers measure, when the user says so: the same in axes, legends and tooltips.
import { formatExact, formatShort, formatTicks } from './format';

export const units = ['none', 'seconds', 'bytes', 'bytesPerSecond', 'percent', 'ratio'] as const;
export type Unit = (typeof units)[number];

type Steps = readonly (readonly [size: number, suffix: string])[];

const binary: Steps = [
  [1024 ** 5, 'PiB'],
  [1024 ** 4, 'TiB'],
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
  [1, 'B'],
];

// From the largest; what is smaller than the last is written in the last.
const stepsOf: Record<Exclude<Unit, 'none'>, Steps> = {
  seconds: [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
    [1e-3, 'ms'],
    [1e-6, 'µs'],
    [1e-9, 'ns'],
  ],
  bytes: binary,
  bytesPerSecond: binary.map(([size, suffix]) => [size, `${suffix}/s`] as const),
  percent: [[1, '%']],
  ratio: [[0.01, '%']],
};

function stepFor(magnitude: number, steps: Steps): readonly [number, string] {
  const last = steps.at(-1) ?? ([1, ''] as const);
  // Nothing is nothing of the plain unit, not of the smallest.
  if (magnitude === 0) return steps.find(([size]) => size === 1) ?? last;
  // 1,000 bytes are nearly a KiB already: there are no four digits before the point.
  const nearly = (size: number) => (Math.log2(size) % 10 === 0 && size > 1 ? 1000 / 1024 : 0.9995);
  return steps.find(([size]) => magnitude >= size * nearly(size)) ?? last;
}

export function formatUnit(value: number, unit: Unit): string {
  if (unit === 'none' || !Number.isFinite(value)) return formatShort(value);
  const [size, suffix] = stepFor(Math.abs(value), stepsOf[unit]);
  return `${formatShort(value / size)} ${suffix}`;
}

// For a tooltip: as many digits as say something.
export function formatUnitExact(value: number, unit: Unit): string {
  return unit === 'none' ? formatExact(Number(value.toPrecision(6))) : formatUnit(value, unit);
}

// The ticks of one axis share their unit.
export function unitTicks(ticks: readonly (number | null)[], unit: Unit): string[] {
  if (unit === 'none') return formatTicks(ticks);
  const top = Math.max(...ticks.map((tick) => Math.abs(tick ?? 0)), 0);
  const [size, suffix] = stepFor(top, stepsOf[unit]);
  return formatTicks(ticks.map((tick) => (tick === null ? null : tick / size))).map(
    (text) => text && `${text} ${suffix}`,
  );
}

// The distances that ticks may have: powers of two of bytes, what clocks show of seconds. Undefined: decimal.
export function unitIncrements(unit: Unit): number[] | undefined {
  if (unit === 'bytes' || unit === 'bytesPerSecond')
    return Array.from({ length: 80 }, (_, i) => 2 ** (i - 10));
  if (unit !== 'seconds') return undefined;
  const below = Array.from({ length: 10 }, (_, i) => [1, 2, 5].map((m) => m * 10 ** (i - 10))).flat();
  const minutes = [1, 2, 5, 10, 15, 30].flatMap((n) => [n, n * 60]);
  const hours = [1, 2, 3, 6, 12].map((n) => n * 3600);
  const days = Array.from({ length: 8 }, (_, i) => [1, 2, 5].map((m) => m * 10 ** i * 86_400)).flat();
  return [...below, ...minutes, ...hours, ...days].sort((a, b) => a - b);
}
