// Discovered targets with what relabelling made of them. Pure.
import type { LabelSet, Target } from '../../api/types';

export interface DroppedTarget {
  discoveredLabels: LabelSet;
  scrapePool: string;
}

export interface DiscoveryAnswer {
  activeTargets: Target[];
  droppedTargets: DroppedTarget[];
  droppedTargetCounts: Record<string, number> | null;
}

export interface Discovered {
  pool: string;
  before: LabelSet;
  // null = dropped by relabelling.
  after: LabelSet | null;
}

export interface DiscoveryPool {
  name: string;
  active: number;
  dropped: number;
  // Dropped targets whose labels the server did not keep.
  forgotten: number;
  // Those that pass the filter.
  shown: Discovered[];
}

export interface DiscoveryFilter {
  pool: string;
  state: '' | 'active' | 'dropped';
  search: string;
  folded: string[];
}

export function decodeFilter(search: string): DiscoveryFilter {
  const params = new URLSearchParams(search);
  const state = params.get('state');
  return {
    pool: params.get('pool') ?? params.get('scrapePool') ?? '',
    state: state === 'active' || state === 'dropped' ? state : '',
    search: params.get('search') ?? '',
    folded: params.getAll('fold'),
  };
}

export function encodeFilter(filter: DiscoveryFilter): string {
  const params = new URLSearchParams();
  if (filter.pool) params.set('pool', filter.pool);
  if (filter.state) params.set('state', filter.state);
  if (filter.search) params.set('search', filter.search);
  for (const pool of filter.folded) params.append('fold', pool);
  return params.toString();
}

function matches(target: Discovered, filter: DiscoveryFilter): boolean {
  if (filter.pool && target.pool !== filter.pool) return false;
  if (filter.state && (filter.state === 'dropped') !== (target.after === null)) return false;
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const pairs = [...Object.entries(target.before), ...Object.entries(target.after ?? {})];
  const text = pairs
    .map(([k, v]) => `${k}="${v}"`)
    .join('\n')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

export function poolsOf(answer: DiscoveryAnswer, filter: DiscoveryFilter): DiscoveryPool[] {
  const pools = new Map<string, DiscoveryPool>();
  const poolOf = (name: string) => {
    let pool = pools.get(name);
    if (!pool) {
      pool = { name, active: 0, dropped: 0, forgotten: 0, shown: [] };
      pools.set(name, pool);
    }
    return pool;
  };
  const add = (target: Discovered) => {
    const pool = poolOf(target.pool);
    if (target.after) pool.active++;
    else pool.dropped++;
    if (matches(target, filter)) pool.shown.push(target);
  };
  for (const t of answer.activeTargets) {
    add({ pool: t.scrapePool, before: t.discoveredLabels, after: t.labels });
  }
  for (const t of answer.droppedTargets) {
    add({ pool: t.scrapePool, before: t.discoveredLabels, after: null });
  }
  for (const [name, count] of Object.entries(answer.droppedTargetCounts ?? {})) {
    const pool = poolOf(name);
    pool.forgotten = Math.max(0, count - pool.dropped);
    pool.dropped += pool.forgotten;
  }
  const collator = new Intl.Collator('en', { numeric: true });
  const filtered = filter.search !== '' || filter.state !== '';
  return [...pools.values()]
    .filter((p) => (filter.pool ? p.name === filter.pool : true) && (!filtered || p.shown.length > 0))
    .sort((a, b) => collator.compare(a.name, b.name));
}

export type LabelChange = 'same' | 'changed' | 'added' | 'removed';

export interface LabelRow {
  name: string;
  before: string | undefined;
  after: string | undefined;
  change: LabelChange;
}

// Names that begin with two underscores are for relabelling only: that they are gone afterwards is no change.
function changeOf(name: string, before: string | undefined, after: string | undefined): LabelChange {
  if (before === undefined) return 'added';
  if (after === undefined) return name.startsWith('__') ? 'same' : 'removed';
  return before === after ? 'same' : 'changed';
}

// The labels a target ends up with first, then those that only discovery knew.
export function labelRows(target: Discovered): LabelRow[] {
  const after = target.after ?? {};
  const names = new Set([...Object.keys(after), ...Object.keys(target.before)]);
  return [...names]
    .sort((a, b) => Number(a.startsWith('__')) - Number(b.startsWith('__')) || (a < b ? -1 : 1))
    .map((name) => ({
      name,
      before: target.before[name],
      after: after[name],
      change: target.after ? changeOf(name, target.before[name], after[name]) : 'same',
    }));
}
