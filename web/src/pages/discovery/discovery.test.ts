import { describe, expect, test } from 'vitest';
import type { Target } from '../../api/types';
import { decodeFilter, encodeFilter, labelRows, poolsOf, type DiscoveryAnswer } from './model';

const target = (pool: string, address: string, labels: Record<string, string>): Target => ({
  discoveredLabels: { __address__: address, job: pool },
  labels,
  scrapePool: pool,
  scrapeUrl: `http://${address}/metrics`,
  globalUrl: '',
  lastError: '',
  lastScrape: '',
  lastScrapeDuration: 0,
  health: 'up',
  scrapeInterval: '1s',
  scrapeTimeout: '1s',
});

const answer: DiscoveryAnswer = {
  activeTargets: [
    target('b', 'web:1', { instance: 'web', job: 'b' }),
    target('a', 'db:1', { instance: 'db:1', job: 'renamed' }),
  ],
  droppedTargets: [{ discoveredLabels: { __address__: 'old:1', job: 'b' }, scrapePool: 'b' }],
  droppedTargetCounts: { a: 0, b: 3, empty: 2 },
};
const all = decodeFilter('');

describe('discovered targets', () => {
  test('pools count active and dropped ones, also those whose labels were not kept', () => {
    expect(
      poolsOf(answer, all).map((p) => [p.name, p.active, p.dropped, p.forgotten, p.shown.length]),
    ).toEqual([
      ['a', 1, 0, 0, 1],
      ['b', 1, 3, 2, 2],
      ['empty', 0, 2, 2, 0],
    ]);
  });
  test('filters by pool, state and words in labels before or after', () => {
    const names = (search: string) =>
      poolsOf(answer, decodeFilter(search)).flatMap((p) => p.shown.map((s) => s.before['__address__']));
    expect(names('pool=b')).toEqual(['web:1', 'old:1']);
    expect(names('state=dropped')).toEqual(['old:1']);
    expect(names('search=RENAMED')).toEqual(['db:1']);
    expect(names('search=job%3D%22b%22+old')).toEqual(['old:1']);
    expect(poolsOf(answer, decodeFilter('search=nothing'))).toEqual([]);
  });
  test('the address holds the filter', () => {
    const state = { pool: 'a b', state: 'active', search: 'x="1"', folded: ['p', 'q'] } as const;
    expect(decodeFilter(encodeFilter({ ...state, folded: [...state.folded] }))).toEqual(state);
    expect(encodeFilter(all)).toBe('');
  });
  test('labels say what relabelling did', () => {
    const [a] = poolsOf(answer, all);
    expect(labelRows(a!.shown[0]!)).toEqual([
      { name: 'instance', before: undefined, after: 'db:1', change: 'added' },
      { name: 'job', before: 'a', after: 'renamed', change: 'changed' },
      { name: '__address__', before: 'db:1', after: undefined, change: 'same' },
    ]);
    expect(labelRows({ pool: 'p', before: { x: '1' }, after: {} })[0]?.change).toBe('removed');
    expect(labelRows({ pool: 'p', before: { x: '1' }, after: null })[0]?.change).toBe('same');
  });
});
