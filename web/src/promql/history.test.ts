// @vitest-environment happy-dom
import { describe, expect, test } from 'vitest';
import { remembered, type HistoryEntry } from './history';

const entry = (expr: string, favourite = false): HistoryEntry => ({ expr, at: 0, uses: 1, favourite });

describe('query history', () => {
  test('a repeated query moves up and counts', () => {
    expect(remembered([entry('a'), entry('b', true)], 'b', 9)).toEqual([
      { expr: 'b', at: 9, uses: 2, favourite: true },
      entry('a'),
    ]);
  });
  test('the oldest goes when there are too many, favourites stay', () => {
    const full = Array.from({ length: 500 }, (_, i) => entry(`q${i}`, i === 499));
    const next = remembered(full, 'new', 1);
    expect(next).toHaveLength(500);
    expect(next[0]?.expr).toBe('new');
    expect(next.at(-1)?.expr).toBe('q499');
    expect(next.some((e) => e.expr === 'q498')).toBe(false);
  });
});
