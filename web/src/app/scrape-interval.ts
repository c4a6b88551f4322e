// The scrape interval of the server's configuration, for what goes "as fast as there is something new".
import { useEffect, useState } from 'react';
import { request } from '../api/client';
import { parseDuration } from '../time/duration';

const fallbackSeconds = 15;
let asked: Promise<number> | null = null;

// global.scrape_interval of a configuration in YAML as the server prints it; its default is a minute.
export function scrapeIntervalOf(yaml: string): number {
  const block = /^global:\r?\n((?:[ \t]+.*(?:\r?\n|$))*)/m.exec(yaml)?.[1] ?? '';
  const text = /^[ \t]+scrape_interval:[ \t]*["']?([0-9a-z]+)/m.exec(block)?.[1] ?? '1m';
  return (parseDuration(text) ?? 60_000) / 1000;
}

async function ask(): Promise<number> {
  try {
    return scrapeIntervalOf((await request<{ yaml: string }>('status/config')).data.yaml);
  } catch {
    // Asked again the next time.
    asked = null;
    return fallbackSeconds;
  }
}

// Seconds; asks the server only once it is wanted.
export function useScrapeInterval(wanted: boolean): number {
  const [seconds, setSeconds] = useState(fallbackSeconds);
  useEffect(() => {
    if (!wanted) return undefined;
    let gone = false;
    asked ??= ask();
    void asked.then((value) => gone || setSeconds(value));
    return () => {
      gone = true;
    };
  }, [wanted]);
  return seconds;
}
