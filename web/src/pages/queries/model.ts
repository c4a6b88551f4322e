// The queries of the server as the page lists them.
export interface Asked {
  id: string;
  query: string;
  // Whether the text was longer.
  cut: boolean;
  type: 'instant' | 'range';
  start: number;
  end: number;
  step: number;
  client: string;
  path: string;
  startedAt: string;
  seconds: number;
  peakSamples: number;
}
export interface Running extends Asked {
  state: 'waiting' | 'evaluating' | 'canceled';
  memoryBytes: number;
}
export interface Recent extends Asked {
  error: string;
}
export interface Cost {
  query: string;
  count: number;
  errors: number;
  totalSeconds: number;
  maxSeconds: number;
  peakSamples: number;
}
export interface Activity {
  running: Running[];
  recent: Recent[];
  top: Cost[];
  slowSeconds: number;
  canCancel: boolean;
}

export const costOrders = ['total', 'mean', 'max', 'count', 'samples'] as const;
export type CostOrder = (typeof costOrders)[number];

export function meanSeconds(cost: Cost): number {
  return cost.count > 0 ? cost.totalSeconds / cost.count : 0;
}

const measures: Record<CostOrder, (cost: Cost) => number> = {
  total: (c) => c.totalSeconds,
  mean: meanSeconds,
  max: (c) => c.maxSeconds,
  count: (c) => c.count,
  samples: (c) => c.peakSamples,
};

export function sortCosts(costs: readonly Cost[], order: CostOrder): Cost[] {
  return costs.toSorted((a, b) => measures[order](b) - measures[order](a));
}

// Every word of the search is in the text, the client or the error.
export function matches(words: string, item: { query: string; client?: string; error?: string }): boolean {
  const text = `${item.query} ${item.client ?? ''} ${item.error ?? ''}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export const views = ['running', 'recent', 'top'] as const;
export type View = (typeof views)[number];
export interface PageState {
  view: View;
  search: string;
  sort: CostOrder;
}

export function decode(search: string): PageState {
  const params = new URLSearchParams(search);
  return {
    view: views.find((v) => v === params.get('view')) ?? 'running',
    search: params.get('search') ?? '',
    sort: costOrders.find((o) => o === params.get('sort')) ?? 'total',
  };
}

export function encode({ view, search, sort }: PageState): string {
  const params = new URLSearchParams();
  if (view !== 'running') params.set('view', view);
  if (search) params.set('search', search);
  if (sort !== 'total') params.set('sort', sort);
  return params.toString();
}
