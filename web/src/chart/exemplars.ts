// Exemplars: single observations that carry labels of their own, most often the id of a trace. Pure.
import type { ExemplarSeries, LabelSet } from '../api/types';

export interface Exemplar {
  timeMs: number;
  value: number;
  labels: LabelSet;
  series: LabelSet;
}

// Drawn at most; more than that is a cloud nobody can point at.
export const exemplarsMax = 2000;

// In order of time. Of more than exemplarsMax every n-th is kept.
export function exemplarsOf(answers: readonly ExemplarSeries[]): Exemplar[] {
  const all = answers.flatMap(({ seriesLabels, exemplars }) =>
    exemplars.map((e) => ({
      timeMs: e.timestamp * 1000,
      value: Number(e.value),
      labels: e.labels,
      series: seriesLabels,
    })),
  );
  const drawable = all.filter((e) => Number.isFinite(e.value)).sort((a, b) => a.timeMs - b.timeMs);
  const every = Math.ceil(drawable.length / exemplarsMax) || 1;
  return every === 1 ? drawable : drawable.filter((_, i) => i % every === 0);
}

// https://traces.example/{trace_id} filled from the exemplar's labels; null when a label is missing or the result is no
// address of the web.
export function traceUrl(template: string, labels: LabelSet): string | null {
  if (template.trim() === '') return null;
  let complete = true;
  const filled = template.trim().replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const value = labels[name];
    if (value === undefined) complete = false;
    return encodeURIComponent(value ?? '');
  });
  return complete && /^https?:\/\//i.test(filled) && URL.canParse(filled) ? filled : null;
}
