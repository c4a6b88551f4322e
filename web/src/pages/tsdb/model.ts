// Selectors and queries of the cardinality explorer. Pure.
import type { NamedCount, QueryData } from '../../api/types';
import { labelPair } from '../../frame/labels';

export interface TsdbState {
  limit: number;
  // A selector; empty = the whole head, as the server counts it.
  match: string;
  // The label whose values are counted.
  focus: string;
}

export const limits = [10, 20, 50, 100];
const labelsMax = 30;

export function decodeState(search: string): TsdbState {
  const params = new URLSearchParams(search);
  const limit = Number(params.get('limit'));
  return {
    limit: limits.includes(limit) ? limit : 10,
    match: params.get('match') ?? '',
    focus: params.get('focus') ?? '',
  };
}

export function encodeState(state: TsdbState): string {
  const params = new URLSearchParams();
  if (state.limit !== 10) params.set('limit', String(state.limit));
  if (state.match) params.set('match', state.match);
  if (state.focus) params.set('focus', state.focus);
  return params.toString();
}

// "name=value" of the server's list; a value may hold "=", a name cannot.
export function pairSelector(pair: string): string {
  const at = pair.indexOf('=');
  return `{${labelPair(pair.slice(0, at), pair.slice(at + 1))}}`;
}

export function labelSelector(name: string): string {
  return `{${labelPair(name, '').replace(/=""$/, '!=""')}}`;
}

// A matcher added to a selector. A name in front stays where it is.
export function narrowed(selector: string, name: string, value: string): string {
  const text = selector.trim();
  const pair = labelPair(name, value);
  const open = /^([^{]*)\{([\s\S]*)\}$/.exec(text);
  if (!open) return text === '' ? `{${pair}}` : `${text}{${pair}}`;
  const inside = (open[2] ?? '').trim().replace(/,$/, '');
  return `${open[1]}{${inside === '' ? '' : `${inside}, `}${pair}}`;
}

function labelName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : labelPair(name, '').slice(0, -'=""'.length);
}

export function countQuery(match: string): string {
  return `count(${match})`;
}

export function valuesQuery(match: string, label: string, limit: number): string {
  return `topk(${limit}, count by (${labelName(label)}) (${match}))`;
}

// One answer for all labels: how many values each has, or how many series would be left without it.
export function perLabelQuery(match: string, labels: readonly string[], what: 'values' | 'without'): string {
  return labels
    .slice(0, labelsMax)
    .map((label) => {
      const name = labelName(label);
      const counted =
        what === 'values'
          ? `count(count by (${name}) (${match}))`
          : `count(count without (${name}) (${match}))`;
      return `label_replace(${counted}, "label", ${JSON.stringify(label)}, "", "")`;
    })
    .join(' or ');
}

// The counts of a vector by one of its labels, largest first.
export function countsOf(data: QueryData | undefined, label: string): NamedCount[] {
  if (data?.resultType !== 'vector') return [];
  return data.result
    .flatMap((s) => (s.value ? [{ name: s.metric[label] ?? '', value: Number(s.value[1]) }] : []))
    .sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1));
}

export interface LabelCost {
  name: string;
  values: number;
  // Series that would merge into others if the label were dropped.
  saved: number;
}

export function labelCosts(
  values: readonly NamedCount[],
  without: readonly NamedCount[],
  total: number,
): LabelCost[] {
  const left = new Map(without.map((c) => [c.name, c.value]));
  return values
    .map(({ name, value }) => ({ name, values: value, saved: total - (left.get(name) ?? total) }))
    .sort((a, b) => b.saved - a.saved || b.values - a.values || (a.name < b.name ? -1 : 1));
}

// meta.json of a block, as far as the page shows it.
export interface Block {
  ulid: string;
  minTime: number;
  maxTime: number;
  stats?: { numSamples?: number; numSeries?: number; numChunks?: number; numBytes?: number };
  compaction?: { level?: number; sources?: string[] };
}

export interface BlocksAnswer {
  blocks: Block[] | null;
}

// Newest first.
export function sortedBlocks(answer: BlocksAnswer): Block[] {
  return [...(answer.blocks ?? [])].sort((a, b) => b.minTime - a.minTime || b.maxTime - a.maxTime);
}
