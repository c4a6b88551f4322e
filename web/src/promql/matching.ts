// How the series of two sides of a binary operator find each other. Pure.
import type { LabelSet } from '../api/types';
import type { Matching } from './ast';

export interface MatchGroup {
  labels: LabelSet;
  left: LabelSet[];
  right: LabelSet[];
}

export interface MatchResult {
  // Those with both sides first.
  groups: MatchGroup[];
  matched: number;
  leftOnly: number;
  rightOnly: number;
}

function keyLabels(labels: LabelSet, matching: Matching): LabelSet {
  const out: LabelSet = {};
  for (const name of Object.keys(labels).sort()) {
    const named = matching.labels.includes(name);
    if (matching.on ? named : !named && name !== '__name__') out[name] = labels[name] as string;
  }
  return out;
}

export function matchSeries(
  left: readonly LabelSet[],
  right: readonly LabelSet[],
  matching: Matching,
): MatchResult {
  const groups = new Map<string, MatchGroup>();
  const add = (series: readonly LabelSet[], side: 'left' | 'right') => {
    for (const labels of series) {
      const key = keyLabels(labels, matching);
      const id = JSON.stringify(key);
      let group = groups.get(id);
      if (!group) {
        group = { labels: key, left: [], right: [] };
        groups.set(id, group);
      }
      group[side].push(labels);
    }
  };
  add(left, 'left');
  add(right, 'right');
  const all = [...groups.values()];
  const rank = (g: MatchGroup) => (g.left.length > 0 && g.right.length > 0 ? 0 : g.left.length > 0 ? 1 : 2);
  const count = (wanted: number) => all.filter((g) => rank(g) === wanted).length;
  return {
    groups: all.sort((a, b) => rank(a) - rank(b)),
    matched: count(0),
    leftOnly: count(1),
    rightOnly: count(2),
  };
}
