// The freshness of what is on screen and the page's refresh interval. One page is on screen at a time, so
// there is one of each.
import { useEffect, useRef } from 'react';
import { create } from 'zustand';
import { useScrapeInterval } from './scrape-interval';
import { useSettings } from './settings';

// As often as the server scrapes.
export const autoRefresh = -1;
export const refreshSteps = [
  0,
  autoRefresh,
  5,
  10,
  15,
  30,
  60,
  300,
  900,
  1800,
  3600,
  7200,
  21_600,
  43_200,
  86_400,
];
const backoffMaxSeconds = 300;

interface Freshness {
  // When the data on screen was answered; null = nothing yet.
  at: number | null;
  failures: number;
}

export const useFreshness = create<Freshness>(() => ({ at: null, failures: 0 }));

export function noteFresh(): void {
  useFreshness.setState({ at: Date.now(), failures: 0 });
}

export function noteFailure(): void {
  useFreshness.setState((f) => ({ failures: f.failures + 1 }));
}

export function resetFreshness(): void {
  useFreshness.setState({ at: null, failures: 0 });
}

let current: (() => Promise<unknown> | void) | null = null;

export function refreshNow(): void {
  void current?.();
}

// The interval of a page in seconds; 0 = it is not refreshed.
export function useRefreshSeconds(page: string): number {
  const chosen = useSettings((s) => s.refresh[page] ?? 0);
  const scrape = useScrapeInterval(chosen === autoRefresh);
  return chosen === autoRefresh ? scrape : chosen;
}

// Registers how the page refreshes and does it at the chosen interval: not in a hidden tab, never two rounds
// at once, backing off ×2 after failures.
export function useRefresh(page: string, refresh: () => Promise<unknown> | void): void {
  const seconds = useRefreshSeconds(page);
  const latest = useRef(refresh);
  latest.current = refresh;
  useEffect(() => {
    resetFreshness();
    current = () => latest.current();
    return () => {
      current = null;
    };
  }, [page]);
  useEffect(() => {
    if (seconds === 0) return undefined;
    let timer: ReturnType<typeof setTimeout>;
    let stopped = false;
    const round = async () => {
      if (!document.hidden) await latest.current();
      if (!stopped) plan();
    };
    const plan = () => {
      const { failures } = useFreshness.getState();
      const wait = Math.min(seconds * 2 ** failures, Math.max(seconds, backoffMaxSeconds));
      timer = setTimeout(() => void round(), wait * 1000);
    };
    // Back in the foreground with old data: refresh at once.
    const shown = () => {
      const { at } = useFreshness.getState();
      if (document.hidden || at === null || Date.now() - at < seconds * 1000) return;
      clearTimeout(timer);
      void round();
    };
    plan();
    document.addEventListener('visibilitychange', shown);
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, [seconds]);
}
