// Numbers for axes, legends and tables.

const steps: [number, string][] = [
  [1e18, 'E'],
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

function trim(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

// At most four significant digits with an SI suffix; exact for small integers.
export function formatShort(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return '0';
  const abs = Math.abs(value);
  if (abs >= 1e21 || abs < 1e-6) return value.toExponential(2).replace(/\.?0+e/, 'e');
  for (const [size, suffix] of steps) {
    if (abs >= size * 0.9995) return trim((value / size).toPrecision(4)) + suffix;
  }
  if (Number.isInteger(value)) return String(value);
  return trim(abs >= 1 ? value.toPrecision(4) : value.toPrecision(3));
}

// All digits that a reader can use, grouped by nothing: the number as the server prints it.
export function formatExact(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

// Ticks of one axis share their suffix and their number of decimals, so that they line up.
export function formatTicks(ticks: readonly (number | null)[]): string[] {
  const numbers = ticks.filter((t): t is number => t !== null);
  const top = Math.max(...numbers.map(Math.abs), 0);
  const gaps = numbers.slice(1).map((t, i) => Math.abs(t - (numbers[i] ?? 0)));
  const gap = Math.min(...gaps.filter((g) => g > 0));
  if (!Number.isFinite(gap) || top >= 1e21 || (top > 0 && top < 1e-6)) {
    return ticks.map((t) => (t === null ? '' : formatShort(t)));
  }
  const [size, suffix] = steps.find(([s]) => top >= s) ?? [1, ''];
  // Two further digits because log axes and floats leave rests such as 0.30000000000000004.
  const decimals = Math.min(9, Math.max(0, Math.ceil(-Math.log10(gap / size) - 1e-9)));
  const digits =
    Number((gap / size).toFixed(decimals)) === Number((gap / size).toFixed(9)) ? decimals : decimals + 1;
  return ticks.map((t) => (t === null ? '' : t === 0 ? '0' : (t / size).toFixed(digits) + suffix));
}

export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return formatShort(seconds);
  const abs = Math.abs(seconds);
  if (abs === 0) return '0 ms';
  if (abs < 1e-3) return `${trim((seconds * 1e6).toPrecision(3))} µs`;
  if (abs < 1) return `${trim((seconds * 1e3).toPrecision(3))} ms`;
  if (abs < 60) return `${trim(seconds.toPrecision(3))} s`;
  if (abs < 3600) return `${trim((seconds / 60).toPrecision(3))} min`;
  return `${trim((seconds / 3600).toPrecision(3))} h`;
}

export function formatBytes(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let index = 0;
  while (Math.abs(value) >= 1024 && index < names.length - 1) {
    value /= 1024;
    index++;
  }
  return `${index === 0 ? value : value.toPrecision(3)} ${names[index]}`;
}
