// Label sets: text forms, hashes, what they share.
import type { LabelSet } from '../api/types';

const bareName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const bareLabel = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

// A label's name as it stands in a selector.
export function labelText(name: string): string {
  return bareLabel.test(name) ? name : quote(name);
}

export function labelPair(name: string, value: string): string {
  return `${labelText(name)}=${quote(value)}`;
}

// name{a="b", c="d"}: a valid selector. `omit` leaves out labels that are shown elsewhere.
export function seriesText(labels: LabelSet, omit?: ReadonlySet<string>): string {
  const name = labels['__name__'];
  const bare = name !== undefined && !omit?.has('__name__') && bareName.test(name);
  const pairs: string[] = [];
  if (name !== undefined && !bare && !omit?.has('__name__')) pairs.push(quote(name));
  for (const key of Object.keys(labels).sort()) {
    if (key !== '__name__' && !omit?.has(key)) pairs.push(labelPair(key, labels[key] as string));
  }
  if (pairs.length === 0) return bare ? name : '{}';
  return `${bare ? name : ''}{${pairs.join(', ')}}`;
}

// FNV-1a over the sorted pairs: the same series gets the same colour in every panel.
export function labelHash(labels: LabelSet): number {
  let hash = 0x811c9dc5;
  const add = (text: string) => {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0xff, 0x01000193);
  };
  for (const key of Object.keys(labels).sort()) {
    add(key);
    add(labels[key] as string);
  }
  // A last mix: neighbouring label values differ in few bits.
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

// Labels that have one and the same value in every set.
export function commonLabels(sets: readonly LabelSet[]): LabelSet {
  const first = sets[0];
  if (!first || sets.length < 2) return {};
  const out: LabelSet = { ...first };
  for (const set of sets) {
    for (const key of Object.keys(out)) if (set[key] !== out[key]) delete out[key];
  }
  return out;
}

// Label names over all sets, sorted, the metric name first.
export function labelNames(sets: readonly LabelSet[]): string[] {
  const names = new Set<string>();
  for (const set of sets) for (const key of Object.keys(set)) names.add(key);
  return [...names].sort((a, b) => (a === '__name__' ? -1 : b === '__name__' ? 1 : a < b ? -1 : 1));
}
