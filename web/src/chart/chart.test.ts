import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toFrame } from '../frame/decode';
import { lineLooks, paletteSize } from './colors';
import { countLines, paint, parseHex, type Rgb } from './density';
import { chartData, columns, extent, lonePoints, padRange, rowsAt, times, type ChartData } from './model';
import { timeTicks } from './time-axis';

const grid = { startMs: 0, endMs: 2000, stepMs: 1000 };

function chart(...series: (number | null)[][]): ChartData {
  const result = series.map((values, i) => ({
    metric: { i: String(i) },
    values: values.flatMap((v, at): [number, string][] => (v === null ? [] : [[at, String(v)]])),
  }));
  return chartData([toFrame(result, grid)]) as ChartData;
}

describe('looks', () => {
  const sets = fc.uniqueArray(fc.string(), { maxLength: 30 }).map((names) => names.map((n) => ({ n })));
  test('the first twelve series have twelve colours', () => {
    fc.assert(
      fc.property(sets, (series) => {
        const colors = lineLooks(series.slice(0, paletteSize)).map((l) => l.color);
        return new Set(colors).size === colors.length;
      }),
    );
  });
  test('a look does not depend on the order of the answer', () => {
    fc.assert(
      fc.property(sets, (series) => {
        const there = lineLooks(series);
        const back = lineLooks([...series].reverse()).reverse();
        expect(back).toEqual(there);
      }),
    );
  });
});

describe('chart data', () => {
  test('two queries share the grid and keep their letters', () => {
    const a = toFrame([{ metric: {}, values: [[0, '1']] }], grid);
    const both = chartData([a, null, a]);
    expect(both?.lines.map((l) => l.query)).toEqual([0, 2]);
    expect(both?.lines[0]?.look.color).not.toBe(both?.lines[1]?.look.color);
    expect([...times(both as ChartData)]).toEqual([0, 1, 2]);
    expect(chartData([null])).toBeNull();
  });
  test('lines keep gaps; logarithmic ones lose what is not positive', () => {
    const data = chart([1, null, -2]);
    expect(columns(data.lines, 3, 'lines', false)).toEqual([[1, null, -2]]);
    expect(columns(data.lines, 3, 'lines', true)).toEqual([[1, null, null]]);
  });
  test('stacks add up from the last line; gaps count as nothing', () => {
    const data = chart([1, 1, 1], [2, null, 4]);
    expect(columns(data.lines, 3, 'stacked', false)).toEqual([
      [3, 1, 5],
      [2, null, 4],
    ]);
    const shares = columns(data.lines, 3, 'percent', false);
    expect(shares[0]).toEqual([100, 100, 100]);
    expect(shares[1]?.[0]).toBeCloseTo(66.667, 2);
  });
  test('the extent leaves out what cannot be drawn', () => {
    const data = chart([1, Infinity, 5], [-3, 2, NaN]);
    expect(extent(data.lines, false)).toEqual([-3, 5]);
    expect(extent(data.lines, true)).toEqual([1, 5]);
    expect(extent([], false)).toBeNull();
  });
  test('ranges have room, flat lines too', () => {
    expect(padRange(0, 100, false)).toEqual([0, 106]);
    expect(padRange(50, 50, false)).toEqual([45, 55]);
    expect(padRange(50, 100, true)).toEqual([0, 106]);
    expect(padRange(0, 0, true)).toEqual([0, 1]);
    const [low, high] = padRange(-10, 10, false);
    expect(low).toBeLessThan(-10);
    expect(high).toBeGreaterThan(10);
  });
  test('tooltip rows are sorted and leave gaps out', () => {
    const rows = rowsAt(chart([1, 5, 0], [9, null, 0], [3, 7, 0]).lines, 1);
    expect(rows.map((r) => r.value)).toEqual([7, 5]);
  });
  test('points without neighbours are found', () => {
    expect(lonePoints([1, null, 2, null, null, 3, 4])).toEqual([0, 2]);
    expect(lonePoints([1])).toEqual([0]);
  });
});

describe('density', () => {
  const base = { width: 20, height: 10, yMin: 0, yMax: 9, log: false };
  test('a flat line crosses each column once', () => {
    const counts = countLines({ ...base, values: new Float64Array([5, 5, 5]), rows: 1, points: 3 });
    for (let x = 0; x < 20; x++) {
      const column = Array.from({ length: 10 }, (_, y) => counts[y * 20 + x]);
      expect(column.reduce((a, b) => (a ?? 0) + (b ?? 0))).toBe(1);
    }
  });
  test('a gap stays empty', () => {
    const counts = countLines({ ...base, values: new Float64Array([5, NaN, 5]), rows: 1, points: 3 });
    expect(counts.reduce((a, b) => a + b)).toBe(2);
  });
  test('no pixel counts more lines than there are, whatever the values', () => {
    const value = fc.oneof(fc.double(), fc.constant(NaN), fc.double({ min: -20, max: 20 }));
    fc.assert(
      fc.property(
        fc.array(fc.array(value, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 8 }),
        (rows) => {
          const counts = countLines({
            ...base,
            values: new Float64Array(rows.flat()),
            rows: rows.length,
            points: 4,
          });
          return counts.every((c) => c <= rows.length);
        },
      ),
    );
  });
  test('more lines are further up the ramp, none is transparent', () => {
    const ramp: Rgb[] = ['#000000', '#808080', '#ffffff'].map(parseHex);
    const pixels = paint(new Uint32Array([0, 1, 10, 100]), ramp);
    expect(pixels[3]).toBe(0);
    const [one, ten, hundred] = [4, 8, 12].map((i) => pixels[i] as number) as [number, number, number];
    expect(one).toBeLessThan(ten);
    expect(ten).toBeLessThan(hundred);
    expect(hundred).toBe(255);
  });
});

describe('time axis', () => {
  const at = Date.UTC(2026, 10, 22, 23, 30) / 1000;
  test('the date appears where the day changes', () => {
    expect(timeTicks([at, at + 1800, at + 3600], 1800, 'UTC')).toEqual(['23:30', '00:00\n11-23', '00:30']);
    expect(timeTicks([at, at + 1800], 3600, 'UTC')).toEqual(['23:30', '11-23']);
  });
  test('the form follows the distance', () => {
    expect(timeTicks([at], 10, 'UTC')).toEqual(['23:30:00']);
    expect(timeTicks([at + 0.25], 0.25, 'UTC')).toEqual(['23:30:00.250']);
    expect(timeTicks([at], 86_400, 'Asia/Seoul')).toEqual(['11-23']);
    expect(timeTicks([at], 30 * 86_400, 'UTC')).toEqual(['2026-11']);
  });
});
