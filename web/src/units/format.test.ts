import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatExact, formatSeconds, formatShort, formatTicks } from './format';

describe('numbers', () => {
  test.each([
    [0, '0'],
    [7, '7'],
    [1234, '1.234k'],
    [1536000, '1.536M'],
    [999.96, '1k'],
    [0.25, '0.25'],
    [0.0001234, '0.000123'],
    [1e-9, '1e-9'],
    [-42.5, '-42.5'],
    [NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [3e25, '3e+25'],
  ])('%d is %s', (value, text) => expect(formatShort(value)).toBe(text));
  test('a short form keeps the magnitude', () => {
    const factor: Record<string, number> = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 };
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e20, max: 1e20 }), (value) => {
        const match = /^(.*?)([kMGTPE]?)$/.exec(formatShort(value));
        const back = Number(match?.[1]) * (factor[match?.[2] ?? ''] ?? 1);
        return Math.abs(back - value) <= Math.abs(value) * 0.006;
      }),
    );
  });
  test('exact values are the shortest that read back', () => {
    expect(formatExact(0.1 + 0.2)).toBe('0.30000000000000004');
    expect(formatExact(-Infinity)).toBe('-Inf');
  });
  test('ticks share suffix and decimals', () => {
    expect(formatTicks([0, 0.5, 1, 1.5])).toEqual(['0', '0.5', '1.0', '1.5']);
    expect(formatTicks([0, 5000, 10_000])).toEqual(['0', '5k', '10k']);
    expect(formatTicks([1_000_000, 1_250_000, null, 1_500_000])).toEqual(['1.00M', '1.25M', '', '1.50M']);
    expect(formatTicks([])).toEqual([]);
    expect(formatTicks([5])).toEqual(['5']);
  });
  test('seconds and bytes', () => {
    expect([0.0000021, 0.0153, 2, 90, 7200].map(formatSeconds)).toEqual([
      '2.1 µs',
      '15.3 ms',
      '2 s',
      '1.5 min',
      '2 h',
    ]);
    expect([12, 1536, 3 * 1024 ** 3].map(formatBytes)).toEqual(['12 B', '1.50 KiB', '3.00 GiB']);
  });
});
