// Rows of the table tab from the answers of a panel's queries. Pure.
import type { HistogramValue, LabelSet } from '../../api/types';
import { labelNames, seriesText } from '../../frame/labels';
import type { QueryOutcome } from './run';

export interface TableRow {
  query: number;
  labels: LabelSet;
  // As answered; for a matrix the newest sample, with the rest in `samples`.
  value: string;
  number: number;
  timeMs: number;
  histogram?: HistogramValue;
  samples?: [number, string][];
  // For filtering, lower case.
  text: string;
}

function toNumber(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}

const collator = new Intl.Collator('en', { numeric: true });

// Values of a label in the order a reader expects: those that are numbers (also +Inf) by size and before words.
function compareValues(a: string, b: string): number {
  const [x, y] = [a === '' ? -Infinity : toNumber(a), b === '' ? -Infinity : toNumber(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) {
    return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || collator.compare(a, b);
  }
  return x < y ? -1 : x > y ? 1 : collator.compare(a, b);
}

function row(query: number, labels: LabelSet, timeSeconds: number, value: string): TableRow {
  return {
    query,
    labels,
    value,
    number: toNumber(value),
    timeMs: timeSeconds * 1000,
    text: `${seriesText(labels)} ${value}`.toLowerCase(),
  };
}

export function tableRows(outcomes: readonly (QueryOutcome | null)[]): TableRow[] {
  const rows: TableRow[] = [];
  for (const [query, outcome] of outcomes.entries()) {
    const data = outcome?.data;
    if (!data) continue;
    if (data.resultType === 'vector') {
      for (const s of data.result) {
        if (s.value) rows.push(row(query, s.metric, s.value[0], s.value[1]));
        else if (s.histogram) {
          const [time, histogram] = s.histogram;
          rows.push({ ...row(query, s.metric, time, histogram.count), histogram });
        }
      }
    } else if (data.resultType === 'matrix') {
      for (const s of data.result) {
        const last = s.values?.at(-1);
        const lastHistogram = s.histograms?.at(-1);
        if (last) rows.push({ ...row(query, s.metric, last[0], last[1]), samples: s.values });
        else if (lastHistogram) {
          rows.push({
            ...row(query, s.metric, lastHistogram[0], lastHistogram[1].count),
            histogram: lastHistogram[1],
          });
        }
      }
    } else {
      const [time, value] = data.result;
      rows.push({
        ...row(query, {}, time, value),
        number: data.resultType === 'scalar' ? toNumber(value) : NaN,
      });
    }
  }
  return rows;
}

export interface TableColumns {
  names: string[];
  // Labels with one value in all rows, shown once above the table.
  common: LabelSet;
}

export function tableColumns(rows: readonly TableRow[], differingOnly: boolean): TableColumns {
  const names = labelNames(rows.map((r) => r.labels));
  if (!differingOnly || rows.length < 2) return { names, common: {} };
  const common: LabelSet = {};
  const first = rows[0]?.labels ?? {};
  for (const name of names) {
    const value = first[name];
    if (value !== undefined && rows.every((r) => r.labels[name] === value)) common[name] = value;
  }
  return { names: names.filter((n) => !(n in common)), common };
}

export type TableItem =
  { kind: 'group'; value: string; count: number; folded: boolean } | { kind: 'row'; row: TableRow };

// The rows under a heading for each value of the label `by`, in the order of the values; those without the
// label come last. Within a group the rows keep their order. An empty `by` = no groups.
export function groupRows(
  rows: readonly TableRow[],
  by: string,
  folded: ReadonlySet<string>,
  down = false,
): TableItem[] {
  if (by === '') return rows.map((row) => ({ kind: 'row', row }));
  const groups = new Map<string, TableRow[]>();
  for (const row of rows) {
    const value = row.labels[by] ?? '';
    const group = groups.get(value);
    if (group) group.push(row);
    else groups.set(value, [row]);
  }
  const values = [...groups.keys()].sort(
    (a, b) => Number(a === '') - Number(b === '') || (down ? compareValues(b, a) : compareValues(a, b)),
  );
  return values.flatMap((value): TableItem[] => {
    const group = groups.get(value) ?? [];
    const isFolded = folded.has(value);
    const head: TableItem = { kind: 'group', value, count: group.length, folded: isFolded };
    return isFolded ? [head] : [head, ...group.map((row): TableItem => ({ kind: 'row', row }))];
  });
}

export interface TableSort {
  // A label name, or '' for the value.
  by: string;
  down: boolean;
}

export function sortRows(rows: readonly TableRow[], sort: TableSort | null): TableRow[] {
  if (!sort) return [...rows];
  const sign = sort.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    if (sort.by === '') {
      if (Number.isNaN(a.number) || Number.isNaN(b.number))
        return Number(Number.isNaN(a.number)) - Number(Number.isNaN(b.number));
      return sign * (a.number < b.number ? -1 : a.number > b.number ? 1 : 0);
    }
    return sign * compareValues(a.labels[sort.by] ?? '', b.labels[sort.by] ?? '');
  });
}
