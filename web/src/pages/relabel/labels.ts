// Label sets as people paste them. Pure.
import type { LabelSet } from '../../api/types';

const pair = /^(?:"((?:[^"\\]|\\.)*)"|([^\s="{},]+))\s*(=|:)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))/;

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
}

// JSON, a series as queries show it (name{a="b", …}), or a pair a line (a="b", a=b, a: b). Null: none of these.
export function readLabels(text: string): LabelSet | null {
  const source = text.trim();
  if (source === '') return {};
  try {
    const value: unknown = JSON.parse(source);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    const pairs = Object.entries(value);
    return pairs.every(([, v]) => typeof v === 'string') ? (Object.fromEntries(pairs) as LabelSet) : null;
  } catch {
    // Not JSON; perhaps one of the others.
  }
  const series = /^([^\s{}="]*)\{([\s\S]*)\}$/.exec(source);
  const labels: LabelSet = series?.[1] ? { __name__: series[1] } : {};
  let rest = (series?.[2] ?? source).trim();
  while (rest !== '') {
    const found = pair.exec(rest);
    if (!found) return null;
    const name = found[1] !== undefined ? unescaped(found[1]) : (found[2] ?? '');
    labels[name] = found[4] !== undefined ? unescaped(found[4]) : (found[5] ?? '');
    rest = rest.slice(found[0].length).replace(/^[\s,]+/, '');
  }
  return labels;
}

export interface PageState {
  rules: string;
  labels: string;
}

export function decode(search: string): PageState {
  const params = new URLSearchParams(search);
  return { rules: params.get('rules') ?? '', labels: params.get('labels') ?? '' };
}

export function encode({ rules, labels }: PageState): string {
  const params = new URLSearchParams();
  if (rules) params.set('rules', rules);
  if (labels) params.set('labels', labels);
  return params.toString();
}
