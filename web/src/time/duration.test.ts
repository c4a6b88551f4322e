import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration';

describe('durations', () => {
  test.each([
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1y2w', 365 * 86_400_000 + 14 * 86_400_000],
    ['250ms', 250],
    [' 1h 30m ', 5_400_000],
    ['90', 90_000],
    ['0.5', 500],
  ])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms));
  test.each(['', '0s', '5', 'm5', '1m1h', '-5m', 'abc', '1e9', '99999999999999y'])(
    '%s: only "5" is one',
    (text) => {
      expect(parseDuration(text)).toBe(text === '5' ? 5000 : null);
    },
  );
  test.each([
    [3_600_000, '1h'],
    [5_400_000, '1h30m'],
    [7 * 86_400_000, '1w'],
    [8 * 86_400_000, '8d'],
    [90_061_000, '25h1m1s'],
    [1500, '1s500ms'],
    [0, '0s'],
  ])('%i ms prints as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
  test('printing and reading back gives the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 13 }), (ms) => parseDuration(formatDuration(ms)) === ms),
    );
  });
});
