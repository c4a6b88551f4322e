// A histogram over time as a grid of cells, and how a native histogram becomes one. Pure: runs in the decoder's worker.
import type { HistogramValue, LabelSet, MatrixSeries } from '../api/types';
import type { Grid } from './decode';

export interface Heat {
  // Everything but `le`.
  labels: LabelSet;
  // Lower end of row 0.
  low: number;
  // Upper bounds, ascending; the last may be Infinity.
  bounds: number[];
  points: number;
  // bounds × points, row 0 = lowest bucket; NaN = no data.
  cells: Float64Array;
  max: number;
}

// More rows than a screen has lines say nothing more; neighbours are joined until they fit.
const rowsMax = 200;

function bound(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

// Every edge of every bucket: resolution and zero bucket may change from sample to sample.
function edgesOf(samples: readonly [number, HistogramValue][]): number[] {
  const edges = new Set<number>();
  for (const [, value] of samples) {
    for (const [, low, high] of value.buckets ?? []) {
      edges.add(bound(low));
      edges.add(bound(high));
    }
  }
  let sorted = [...edges].filter((e) => !Number.isNaN(e)).sort((a, b) => a - b);
  while (sorted.length > rowsMax + 1) {
    const last = sorted.length - 1;
    sorted = sorted.filter((_, i) => i % 2 === 0 || i === last);
  }
  return sorted;
}

// The row that holds what lies just above `value`.
function rowAbove(edges: readonly number[], value: number): number {
  let low = 0;
  let high = edges.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((edges[middle] as number) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function nativeHeat(series: MatrixSeries, grid: Grid, points: number): Heat {
  const samples = series.histograms ?? [];
  const edges = edgesOf(samples);
  const rows = Math.max(0, edges.length - 1);
  const cells = new Float64Array(rows * points).fill(NaN);
  let max = 0;
  for (const [seconds, value] of samples) {
    const point = Math.round((seconds * 1000 - grid.startMs) / grid.stepMs);
    if (point < 0 || point >= points) continue;
    for (let row = 0; row < rows; row++) cells[row * points + point] = 0;
    for (const [, low, high, text] of value.buckets ?? []) {
      const count = Number(text);
      // A bucket that covers several rows (finer at other times) is spread evenly: they are its equal parts.
      const first = Math.min(rowAbove(edges, bound(low)), rows - 1);
      const after = Math.max(first + 1, Math.min(rows, rowAbove(edges, bound(high))));
      for (let row = first; row < after; row++) {
        const at = row * points + point;
        cells[at] = (cells[at] as number) + count / (after - first);
        max = Math.max(max, cells[at] as number);
      }
    }
  }
  return { labels: series.metric, low: edges[0] ?? 0, bounds: edges.slice(1), points, cells, max };
}
