// Turns the JSON of a query into columns. Pure: runs on the main thread for small answers, in a worker for
// large ones.
import type { Envelope, LabelSet, MatrixSeries, QueryData, QueryStats } from '../api/types';
import { nativeHeat, type Heat } from './heat';

// A range result on a regular grid: series s at step i is values[s * points + i]; NaN = nothing to draw.
export interface RangeFrame {
  startMs: number;
  stepMs: number;
  points: number;
  series: LabelSet[];
  values: Float64Array;
  // 1 where a sample exists; needed to tell a NaN sample from a gap when exporting.
  present: Uint8Array;
  // Samples that are infinite: present in exports, not drawable.
  infinite: number;
  // Series that have native histograms, and the first nativeMax of them as cells.
  histogramSeries: number;
  native: Heat[];
}

export interface RangeAnswer {
  frame: RangeFrame;
  stats: QueryStats | undefined;
  warnings: string[];
  infos: string[];
}

export interface Grid {
  startMs: number;
  endMs: number;
  stepMs: number;
}

// Cells are dense: more histograms than this are counted, not kept.
export const nativeMax = 120;

export function gridPoints(grid: Grid): number {
  return Math.floor((grid.endMs - grid.startMs) / grid.stepMs) + 1;
}

export function toFrame(result: MatrixSeries[], grid: Grid): RangeFrame {
  const points = gridPoints(grid);
  const floats = result.filter((s) => (s.values?.length ?? 0) > 0);
  const histograms = result.filter((s) => (s.histograms?.length ?? 0) > 0);
  const values = new Float64Array(floats.length * points).fill(NaN);
  const present = new Uint8Array(floats.length * points);
  let infinite = 0;
  for (const [row, s] of floats.entries()) {
    const base = row * points;
    for (const [seconds, text] of s.values ?? []) {
      const column = Math.round((seconds * 1000 - grid.startMs) / grid.stepMs);
      if (column < 0 || column >= points) continue;
      const value = Number(text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : text);
      present[base + column] = 1;
      values[base + column] = value;
      if (value === Infinity || value === -Infinity) infinite++;
    }
  }
  return {
    startMs: grid.startMs,
    stepMs: grid.stepMs,
    points,
    series: floats.map((s) => s.metric),
    values,
    present,
    infinite,
    histogramSeries: histograms.length,
    native: histograms.slice(0, nativeMax).map((s) => nativeHeat(s, grid, points)),
  };
}

export function decodeRange(body: ArrayBuffer, grid: Grid): RangeAnswer {
  const envelope = JSON.parse(new TextDecoder().decode(body)) as Envelope<QueryData>;
  const data = envelope.data;
  if (envelope.status !== 'success' || data?.resultType !== 'matrix') {
    throw new Error(envelope.error ?? `expected a matrix, got ${data?.resultType ?? 'nothing'}`);
  }
  return {
    frame: toFrame(data.result, grid),
    stats: data.stats,
    warnings: envelope.warnings ?? [],
    infos: envelope.infos ?? [],
  };
}

export function sampleTimeMs(frame: RangeFrame, index: number): number {
  return frame.startMs + index * frame.stepMs;
}
