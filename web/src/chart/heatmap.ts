// Histograms over time as cells: native ones come so from the decoder, classic series that differ only in `le` make
// one. Pure.
import type { LabelSet } from '../api/types';
import type { RangeFrame } from '../frame/decode';
import type { Heat } from '../frame/heat';
import { seriesText } from '../frame/labels';

// Whether all series are buckets, classic or native.
export function isHistogram(frame: RangeFrame): boolean {
  return frame.series.length + frame.native.length > 0 && frame.series.every((s) => boundOf(s) !== null);
}

function boundOf(labels: LabelSet): number | null {
  const le = labels['le'];
  if (le === undefined || le === '') return null;
  const bound = le === '+Inf' ? Infinity : Number(le);
  return Number.isNaN(bound) ? null : bound;
}

// Buckets are cumulative: a cell is what its bucket has more than the one below. Rates and floats make tiny negative
// differences; those are nothing.
function classicHeats(frame: RangeFrame): Heat[] {
  const groups = new Map<string, { labels: LabelSet; rows: { bound: number; row: number }[] }>();
  for (const [row, series] of frame.series.entries()) {
    const bound = boundOf(series);
    if (bound === null) continue;
    const { le: _, ...labels } = series;
    const key = seriesText(labels);
    let group = groups.get(key);
    if (!group) {
      group = { labels, rows: [] };
      groups.set(key, group);
    }
    group.rows.push({ bound, row });
  }
  return [...groups.values()].map(({ labels, rows }) => {
    rows.sort((a, b) => a.bound - b.bound);
    const cells = new Float64Array(rows.length * frame.points).fill(NaN);
    let max = 0;
    for (let i = 0; i < frame.points; i++) {
      let below = 0;
      for (const [at, { row }] of rows.entries()) {
        const value = frame.values[row * frame.points + i] as number;
        if (Number.isNaN(value)) continue;
        const cell = Math.max(0, value - below);
        cells[at * frame.points + i] = cell;
        if (cell > max && Number.isFinite(cell)) max = cell;
        below = value;
      }
    }
    return { labels, low: -Infinity, bounds: rows.map((r) => r.bound), points: frame.points, cells, max };
  });
}

export function heats(frame: RangeFrame): Heat[] {
  return [...classicHeats(frame), ...frame.native];
}

// The place of a value on a ramp from 0 to 1: the root shows the thin tails beside the crowd.
export function heatLevel(value: number, max: number): number {
  return max > 0 && value > 0 ? Math.sqrt(Math.min(1, value / max)) : 0;
}

export interface Cell {
  bucket: number;
  point: number;
}

export function cellAt(heat: Heat, x: number, y: number, width: number, height: number): Cell | null {
  if (x < 0 || y < 0 || x >= width || y >= height) return null;
  return {
    point: Math.floor((x / width) * heat.points),
    bucket: heat.bounds.length - 1 - Math.floor((y / height) * heat.bounds.length),
  };
}
