import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativeHeat } from './heat';

const grid = { startMs: 0, endMs: 2000, stepMs: 1000 };
const histogram = (buckets: [number, string, string, string][]) => ({ count: '1', sum: '1', buckets });

describe('native histograms as cells', () => {
  test('one row for each span between edges, a gap in time is no data', () => {
    const heat = nativeHeat(
      {
        metric: { a: 'b' },
        histograms: [
          [
            0,
            histogram([
              [3, '-0.001', '0.001', '1'],
              [0, '1', '2', '4'],
            ]),
          ],
          [
            2,
            histogram([
              [0, '1', '2', '6'],
              [0, '2', '4', '2'],
            ]),
          ],
        ],
      },
      grid,
      3,
    );
    expect([heat.low, ...heat.bounds]).toEqual([-0.001, 0.001, 1, 2, 4]);
    const row = (n: number) => [...heat.cells.subarray(n * 3, n * 3 + 3)];
    expect(row(0)).toEqual([1, NaN, 0]);
    expect(row(1)).toEqual([0, NaN, 0]);
    expect(row(2)).toEqual([4, NaN, 6]);
    expect(row(3)).toEqual([0, NaN, 2]);
    expect(heat.max).toBe(6);
  });
  test('a coarser bucket is spread over the finer rows', () => {
    const heat = nativeHeat(
      {
        metric: {},
        histograms: [
          [0, histogram([[0, '1', '4', '6']])],
          [
            1,
            histogram([
              [0, '1', '2', '1'],
              [0, '2', '4', '2'],
            ]),
          ],
        ],
      },
      grid,
      3,
    );
    expect(heat.bounds).toEqual([2, 4]);
    expect([heat.cells[0], heat.cells[3]]).toEqual([3, 3]);
  });
  test('whatever the buckets, nothing is lost and the rows are bounded', () => {
    const bucket = fc
      .tuple(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 1, max: 50 }))
      .map(([low, wide]): [number, string, string, string] => [0, String(low), String(low + wide), '1']);
    fc.assert(
      fc.property(fc.array(bucket, { maxLength: 600 }), (buckets) => {
        const heat = nativeHeat({ metric: {}, histograms: [[0, histogram(buckets)]] }, grid, 3);
        expect(heat.bounds.length).toBeLessThanOrEqual(201);
        let sum = 0;
        for (let row = 0; row < heat.bounds.length; row++) sum += heat.cells[row * 3] as number;
        expect(sum).toBeCloseTo(buckets.length, 6);
      }),
    );
  });
  test('no buckets, no rows', () => {
    expect(nativeHeat({ metric: {}, histograms: [[0, { count: '0', sum: '0' }]] }, grid, 3).bounds).toEqual(
      [],
    );
  });
});
