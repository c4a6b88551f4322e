// What a chart draws, and the numbers behind axes and tooltips. Pure.
import type { LabelSet } from '../api/types';
import type { RangeFrame } from '../frame/decode';
import { seriesText } from '../frame/labels';
import { lineLooks, type LineLook } from './colors';

export type DisplayMode = 'lines' | 'stacked' | 'percent';

export const lineStyles = ['line', 'steps', 'bars', 'points'] as const;
export type LineStyle = (typeof lineStyles)[number];

export interface Line {
  // Position in the chart, stable while the data is.
  index: number;
  query: number;
  // Of the earlier range that is compared with.
  earlier: boolean;
  // By the right axis.
  right: boolean;
  labels: LabelSet;
  look: LineLook;
  values: Float64Array;
}

export interface ChartData {
  startMs: number;
  stepMs: number;
  points: number;
  lines: Line[];
  infinite: number;
}

// Several queries in one chart: they were run on the same grid.
export function chartData(
  frames: readonly (RangeFrame | null)[],
  earlier: readonly (RangeFrame | null)[] = [],
  right: readonly number[] = [],
): ChartData | null {
  const first = frames.find((f): f is RangeFrame => f !== null);
  if (!first) return null;
  const sets: Omit<Line, 'index' | 'look'>[] = [];
  let infinite = 0;
  for (const [at, frame] of [...frames, ...earlier].entries()) {
    const query = at % Math.max(1, frames.length);
    if (!frame || frame.points !== first.points || frame.startMs !== first.startMs) continue;
    infinite += frame.infinite;
    for (const [row, labels] of frame.series.entries()) {
      sets.push({
        labels,
        query,
        earlier: at >= frames.length,
        right: right.includes(query),
        values: frame.values.subarray(row * frame.points, (row + 1) * frame.points),
      });
    }
  }
  // Two queries may answer the same label set; the query's letter keeps their colours apart.
  const keyed = (s: (typeof sets)[number]) =>
    s.query === 0 ? s.labels : { ...s.labels, '\u0000query': String(s.query) };
  const now = sets.filter((s) => !s.earlier);
  const looks = lineLooks(now.map(keyed));
  const known = new Map(
    now.length < sets.length ? now.map((s, i) => [seriesText(keyed(s)), looks[i] as LineLook]) : [],
  );
  const fresh: LineLook = { color: 0, dash: [] };
  // An earlier line has the colour of today's, dotted.
  const lines = sets.map((s, index): Line => {
    if (!s.earlier) return { index, ...s, look: looks[index] as LineLook };
    return { index, ...s, look: { ...(known.get(seriesText(keyed(s))) ?? fresh), dash: [2, 3] } };
  });
  return { startMs: first.startMs, stepMs: first.stepMs, points: first.points, lines, infinite };
}

export function times(data: ChartData): Float64Array {
  return Float64Array.from({ length: data.points }, (_, i) => (data.startMs + i * data.stepMs) / 1000);
}

type Column = (number | null)[];

function plain(values: Float64Array, log: boolean): Column {
  return Array.from(values, (v) => (Number.isFinite(v) && (!log || v > 0) ? v : null));
}

// Columns for uPlot in drawing order. Stacked modes accumulate from the last line up, so that the legend's
// first line lies on top; a gap counts as nothing.
export function columns(lines: readonly Line[], points: number, mode: DisplayMode, log: boolean): Column[] {
  if (mode === 'lines') return lines.map((l) => plain(l.values, log));
  const totals = new Float64Array(points);
  if (mode === 'percent') {
    for (const line of lines) {
      for (let i = 0; i < points; i++) {
        const v = line.values[i] as number;
        if (Number.isFinite(v)) totals[i]! += Math.abs(v);
      }
    }
  }
  const sum = new Float64Array(points);
  const out = new Array<Column>(lines.length);
  for (let s = lines.length - 1; s >= 0; s--) {
    const values = (lines[s] as Line).values;
    const column: Column = new Array(points);
    for (let i = 0; i < points; i++) {
      const v = values[i] as number;
      const finite = Number.isFinite(v);
      if (finite) sum[i]! += mode === 'percent' ? (100 * v) / (totals[i] || 1) : v;
      column[i] = finite ? (sum[i] as number) : null;
    }
    out[s] = column;
  }
  return out;
}

export function extent(lines: readonly Line[], log: boolean): [number, number] | null {
  let min = Infinity;
  let max = -Infinity;
  for (const line of lines) {
    for (const v of line.values) {
      if (v < min && v > -Infinity && (!log || v > 0)) min = v;
      if (v > max && v < Infinity) max = v;
    }
  }
  return min <= max ? [min, max] : null;
}

// Room above and below; a flat line gets a range around it instead of none.
export function padRange(min: number, max: number, fromZero: boolean): [number, number] {
  if (fromZero) {
    if (min > 0) min = 0;
    if (max < 0) max = 0;
  }
  if (min === max) {
    const around = min === 0 ? 1 : Math.abs(min) * 0.1;
    return [fromZero && min === 0 ? 0 : min - around, max + around];
  }
  const pad = (max - min) * 0.06;
  const low = min >= 0 && min - pad < 0 ? 0 : min - pad;
  return [fromZero && min === 0 ? 0 : low, fromZero && max === 0 ? 0 : max + pad];
}

// An axis whose ends may be set by hand; ends the wrong way round count for nothing.
export function withLimits(
  fitting: [number, number],
  min: number | null,
  max: number | null,
): [number, number] {
  const low = min ?? fitting[0];
  const high = max ?? fitting[1];
  return low < high ? [low, high] : fitting;
}

export interface TooltipRow {
  line: Line;
  value: number;
}

// Lines that have a value at that index, highest first.
export function rowsAt(lines: readonly Line[], index: number): TooltipRow[] {
  const rows: TooltipRow[] = [];
  for (const line of lines) {
    const value = line.values[index] as number;
    if (!Number.isNaN(value)) rows.push({ line, value });
  }
  return rows.sort((a, b) => b.value - a.value || a.line.index - b.line.index);
}

// Single points between gaps have no segment and would be invisible.
export function lonePoints(column: readonly (number | null)[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < column.length; i++) {
    if (column[i] != null && column[i - 1] == null && column[i + 1] == null) out.push(i);
  }
  return out;
}
