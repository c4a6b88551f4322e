// Filtering, grouping and ordering of targets. Pure.
import type { Health, Target } from '../../api/types';
import { parseDuration } from '../../time/duration';

export const healths: Health[] = ['up', 'down', 'unknown'];

export interface TargetFilter {
  pool: string;
  // Empty = all.
  health: Health[];
  search: string;
  failingFirst: boolean;
  folded: string[];
}

export function decodeFilter(search: string): TargetFilter {
  const params = new URLSearchParams(search);
  const asked = new Set(params.getAll('health').flatMap((v) => v.split(',')));
  return {
    pool: params.get('pool') ?? params.get('scrapePool') ?? '',
    health: healths.filter((h) => asked.has(h)),
    search: params.get('search') ?? '',
    failingFirst: params.get('sort') === 'failing',
    folded: params.getAll('fold'),
  };
}

export function encodeFilter(filter: TargetFilter): string {
  const params = new URLSearchParams();
  if (filter.pool) params.set('pool', filter.pool);
  for (const h of filter.health) params.append('health', h);
  if (filter.search) params.set('search', filter.search);
  if (filter.failingFirst) params.set('sort', 'failing');
  for (const pool of filter.folded) params.append('fold', pool);
  return params.toString();
}

function haystack(target: Target): string {
  const labels = Object.entries(target.labels).map(([k, v]) => `${k}="${v}"`);
  return [target.scrapeUrl, target.scrapePool, target.lastError, ...labels].join('\n').toLowerCase();
}

// Every word must occur somewhere: "web 9100" finds web-03:9100.
export function matches(target: Target, filter: TargetFilter): boolean {
  if (filter.pool && target.scrapePool !== filter.pool) return false;
  if (filter.health.length > 0 && !filter.health.includes(target.health)) return false;
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = haystack(target);
  return words.every((w) => text.includes(w));
}

export interface Pool {
  name: string;
  total: number;
  up: number;
  down: number;
  // Those that pass the filter.
  targets: Target[];
}

const severity: Record<Health, number> = { down: 0, unknown: 1, up: 2 };

// Pools in order of their name (or the failing ones first); pools with nothing to show are left out.
export function poolsOf(targets: readonly Target[], filter: TargetFilter): Pool[] {
  const pools = new Map<string, Pool>();
  for (const target of targets) {
    let pool = pools.get(target.scrapePool);
    if (!pool) {
      pool = { name: target.scrapePool, total: 0, up: 0, down: 0, targets: [] };
      pools.set(target.scrapePool, pool);
    }
    pool.total++;
    if (target.health === 'up') pool.up++;
    if (target.health === 'down') pool.down++;
    if (matches(target, filter)) pool.targets.push(target);
  }
  const collator = new Intl.Collator('en', { numeric: true });
  const order = (a: Target, b: Target) =>
    (filter.failingFirst ? severity[a.health] - severity[b.health] : 0) ||
    collator.compare(a.scrapeUrl, b.scrapeUrl);
  const shown = [...pools.values()].filter((p) => p.targets.length > 0);
  for (const pool of shown) pool.targets.sort(order);
  return shown.sort(
    (a, b) =>
      (filter.failingFirst ? Number(b.down > 0) - Number(a.down > 0) : 0) || collator.compare(a.name, b.name),
  );
}

// Share of the timeout that the scrape took, 0…1, or null when it has not run.
export function timeoutShare(target: Target): number | null {
  const timeout = parseDuration(target.scrapeTimeout);
  if (timeout === null || isNever(target.lastScrape)) return null;
  return Math.min(1, (target.lastScrapeDuration * 1000) / timeout);
}

export function isNever(time: string): boolean {
  return time.startsWith('0001-');
}

// Links go only where a click cannot run code.
export function isWebUrl(url: string): boolean {
  return /^https?:\/\//i.test(url);
}
