import { describe, expect, test } from 'vitest';
import type { Target } from '../../api/types';
import { decodeFilter, encodeFilter, isNever, isWebUrl, matches, poolsOf, timeoutShare } from './model';

function target(part: Partial<Target>): Target {
  return {
    discoveredLabels: {},
    labels: { job: 'node', instance: 'web-03:9100' },
    scrapePool: 'node',
    scrapeUrl: 'http://web-03:9100/metrics',
    globalUrl: 'http://web-03:9100/metrics',
    lastError: '',
    lastScrape: '2026-11-22T09:00:00Z',
    lastScrapeDuration: 0.05,
    health: 'up',
    scrapeInterval: '15s',
    scrapeTimeout: '10s',
    ...part,
  };
}

describe('filter', () => {
  test('the address names it', () => {
    expect(decodeFilter('?pool=a&health=up&health=down&search=x&sort=failing&fold=b')).toEqual({
      pool: 'a',
      health: ['up', 'down'],
      search: 'x',
      failingFirst: true,
      folded: ['b'],
    });
    expect(decodeFilter('?scrapePool=a&health=down,bogus').health).toEqual(['down']);
    expect(decodeFilter('').folded).toEqual([]);
  });
  test('what is written is read back', () => {
    const filter = decodeFilter('?pool=a%20b&health=down&search=%22x%22&fold=c&fold=d');
    expect(decodeFilter(encodeFilter(filter))).toEqual(filter);
    expect(encodeFilter(decodeFilter(''))).toBe('');
  });
  test('every word must be somewhere', () => {
    const check = (search: string) =>
      matches(target({ lastError: 'connection refused' }), { ...decodeFilter(''), search });
    expect(check('WEB 9100')).toBe(true);
    expect(check('job="node" refused')).toBe(true);
    expect(check('web db')).toBe(false);
  });
});

describe('pools', () => {
  const targets = [
    target({ scrapePool: 'b', scrapeUrl: 'http://h10/' }),
    target({ scrapePool: 'b', scrapeUrl: 'http://h9/' }),
    target({ scrapePool: 'a' }),
    target({ scrapePool: 'c', health: 'down', scrapeUrl: 'http://z/' }),
    target({ scrapePool: 'c', health: 'unknown', scrapeUrl: 'http://a/' }),
  ];
  test('counts are of the whole pool, order is natural', () => {
    const pools = poolsOf(targets, decodeFilter(''));
    expect(pools.map((p) => [p.name, p.up, p.down, p.total])).toEqual([
      ['a', 1, 0, 1],
      ['b', 2, 0, 2],
      ['c', 0, 1, 2],
    ]);
    expect(pools[1]?.targets.map((x) => x.scrapeUrl)).toEqual(['http://h9/', 'http://h10/']);
    const down = poolsOf(targets, decodeFilter('?health=down'));
    expect(down.map((p) => [p.name, p.total, p.targets.length])).toEqual([['c', 2, 1]]);
  });
  test('failing ones can come first', () => {
    const pools = poolsOf(targets, decodeFilter('?sort=failing'));
    expect(pools[0]?.name).toBe('c');
    expect(pools[0]?.targets.map((x) => x.health)).toEqual(['down', 'unknown']);
  });
});

describe('one target', () => {
  test('its share of the timeout', () => {
    expect(timeoutShare(target({ lastScrapeDuration: 2.5 }))).toBe(0.25);
    expect(timeoutShare(target({ lastScrapeDuration: 99 }))).toBe(1);
    expect(timeoutShare(target({ lastScrape: '0001-01-01T00:00:00Z' }))).toBeNull();
    expect(timeoutShare(target({ scrapeTimeout: '?' }))).toBeNull();
    expect(isNever('0001-01-01T00:00:00Z')).toBe(true);
  });
  test('only web addresses become links', () => {
    expect(isWebUrl('https://x/')).toBe(true);
    expect(isWebUrl('javascript:alert(1)')).toBe(false);
  });
});
