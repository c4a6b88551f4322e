import { describe, expect, test } from 'vitest';
import { toFrame } from '../frame/decode';
import { cellAt, heatLevel, heats, isHistogram } from './heatmap';

const grid = { startMs: 0, endMs: 1000, stepMs: 1000 };
const series = (le: string, values: (string | null)[], job = 'a') => ({
  metric: { le, job },
  values: values.flatMap((v, i): [number, string][] => (v === null ? [] : [[i, v]])),
});

describe('heatmap', () => {
  const frame = toFrame(
    [
      series('+Inf', ['10', '4']),
      series('0.1', ['2', '3']),
      series('1', ['7', '2.9999']),
      series('1', ['1', null], 'b'),
    ],
    grid,
  );
  test('cells are what a bucket has more than the one below', () => {
    const [a, b] = heats(frame);
    expect(a?.bounds).toEqual([0.1, 1, Infinity]);
    expect([...(a?.cells ?? [])].map((v) => Math.round(v * 1e4) / 1e4)).toEqual([2, 3, 5, 0, 3, 1.0001]);
    expect(a?.max).toBe(5);
    expect([...(b?.cells ?? [])]).toEqual([1, NaN]);
  });
  test('only series with a bound in le make a histogram', () => {
    expect(isHistogram(frame)).toBe(true);
    expect(isHistogram(toFrame([series('x', ['1'])], grid))).toBe(false);
    expect(isHistogram(toFrame([], grid))).toBe(false);
  });
  test('levels and cells under the pointer', () => {
    expect([heatLevel(0, 4), heatLevel(1, 4), heatLevel(9, 4), heatLevel(1, 0)]).toEqual([0, 0.5, 1, 0]);
    const [a] = heats(frame);
    expect(cellAt(a!, 0, 0, 100, 90)).toEqual({ point: 0, bucket: 2 });
    expect(cellAt(a!, 99, 89, 100, 90)).toEqual({ point: 1, bucket: 0 });
    expect(cellAt(a!, 100, 0, 100, 90)).toBeNull();
  });
});
