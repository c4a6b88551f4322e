import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { costOrders, decode, encode, matches, sortCosts, views, type Cost } from './model';

const cost = (
  query: string,
  count: number,
  totalSeconds: number,
  maxSeconds: number,
  peakSamples: number,
): Cost => ({
  query,
  count,
  errors: 0,
  totalSeconds,
  maxSeconds,
  peakSamples,
});

describe('queries of the server', () => {
  const costs = [cost('often', 100, 10, 1, 5), cost('slow', 1, 9, 9, 50), cost('never', 0, 0, 0, 0)];
  test.each([
    ['total', 'often'],
    ['mean', 'slow'],
    ['max', 'slow'],
    ['count', 'often'],
    ['samples', 'slow'],
  ] as const)('the costliest by %s', (order, first) => {
    expect(sortCosts(costs, order)[0]?.query).toBe(first);
    expect(sortCosts(costs, order).at(-1)?.query).toBe('never');
  });
  test('a search looks at text, client and error', () => {
    const item = { query: 'sum(rate(Up[5m]))', client: '10.0.0.1', error: 'timed out' };
    for (const words of ['', 'RATE', 'up 10.0', 'timed sum']) expect(matches(words, item)).toBe(true);
    for (const words of ['down', 'up 10.1']) expect(matches(words, item)).toBe(false);
  });
  test('the address says what is shown', () => {
    fc.assert(
      fc.property(
        fc.record({
          view: fc.constantFrom(...views),
          search: fc.string(),
          sort: fc.constantFrom(...costOrders),
        }),
        (state) => {
          expect(decode(encode(state))).toEqual(state);
        },
      ),
    );
    expect(decode('view=nonsense&sort=x')).toEqual({ view: 'running', search: '', sort: 'total' });
  });
});
