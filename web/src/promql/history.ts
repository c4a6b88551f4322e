// The queries that were run, newest first, kept in this browser.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import { useSettings } from '../app/settings';

const entriesMax = 500;

export interface HistoryEntry {
  expr: string;
  // Last use, ms since the epoch.
  at: number;
  uses: number;
  favourite: boolean;
}

interface History {
  entries: HistoryEntry[];
}

export const useHistory = create<History>()(
  persist((): History => ({ entries: [] }), { name: 'narthex.history', version: 1 }),
);

// Newest first; favourites survive the limit.
export function remembered(entries: readonly HistoryEntry[], expr: string, at: number): HistoryEntry[] {
  const old = entries.find((e) => e.expr === expr);
  const entry = { expr, at, uses: (old?.uses ?? 0) + 1, favourite: old?.favourite ?? false };
  const rest = entries.filter((e) => e.expr !== expr);
  const out = [entry, ...rest];
  while (out.length > entriesMax) {
    const drop = out.findLastIndex((e) => !e.favourite);
    out.splice(drop < 0 ? out.length - 1 : drop, 1);
  }
  return out;
}

export function remember(expr: string): void {
  const text = expr.trim();
  if (!text || !useSettings.getState().history) return;
  useHistory.setState((h) => ({ entries: remembered(h.entries, text, Date.now()) }));
}

export function setFavourite(expr: string, favourite: boolean): void {
  useHistory.setState((h) => ({
    entries: h.entries.map((e) => (e.expr === expr ? { ...e, favourite } : e)),
  }));
}

export function clearHistory(): void {
  useHistory.setState((h) => ({ entries: h.entries.filter((e) => e.favourite) }));
}
