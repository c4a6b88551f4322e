// CSV (RFC 4180) and TSV of results.
import type { LabelSet } from '../api/types';
import type { RangeFrame } from './decode';
import { labelNames, seriesText } from './labels';

function csvField(text: string): string {
  // A cell that starts like a formula would run in a spreadsheet; label values are other people's text.
  const safe =
    /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) && !/^[+-]Inf$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvRow(cells: readonly string[]): string {
  return cells.map(csvField).join(',') + '\r\n';
}

function valueText(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

// One row per series and timestamp.
export function csvLong(frames: readonly RangeFrame[]): string {
  const names = labelNames(frames.flatMap((f) => f.series));
  let out = csvRow(['timestamp', ...names, 'value']);
  for (const frame of frames) {
    for (const [row, labels] of frame.series.entries()) {
      const cells = names.map((n) => labels[n] ?? '');
      for (let i = 0; i < frame.points; i++) {
        const at = row * frame.points + i;
        if (frame.present[at] !== 1) continue;
        out += csvRow([
          isoTime(frame.startMs + i * frame.stepMs),
          ...cells,
          valueText(frame.values[at] as number),
        ]);
      }
    }
  }
  return out;
}

// One row per timestamp, one column per series. Frames share their grid.
export function csvWide(frames: readonly RangeFrame[]): string {
  const first = frames[0];
  if (!first) return '';
  let out = csvRow(['timestamp', ...frames.flatMap((f) => f.series.map((s) => seriesText(s)))]);
  for (let i = 0; i < first.points; i++) {
    const cells = frames.flatMap((f) =>
      f.series.map((_, row) => {
        const at = row * f.points + i;
        return f.present[at] === 1 ? valueText(f.values[at] as number) : '';
      }),
    );
    out += csvRow([isoTime(first.startMs + i * first.stepMs), ...cells]);
  }
  return out;
}

export interface TableExportRow {
  labels: LabelSet;
  timeMs: number;
  value: string;
}

export function csvTable(rows: readonly TableExportRow[]): string {
  const names = labelNames(rows.map((r) => r.labels));
  let out = csvRow([...names, 'timestamp', 'value']);
  for (const r of rows) out += csvRow([...names.map((n) => r.labels[n] ?? ''), isoTime(r.timeMs), r.value]);
  return out;
}

export function tsvTable(rows: readonly TableExportRow[]): string {
  const names = labelNames(rows.map((r) => r.labels));
  const clean = (s: string) => s.replace(/[\t\r\n]/g, ' ');
  const lines = rows.map((r) =>
    [...names.map((n) => clean(r.labels[n] ?? '')), isoTime(r.timeMs), r.value].join('\t'),
  );
  return [[...names, 'timestamp', 'value'].join('\t'), ...lines].join('\n');
}
