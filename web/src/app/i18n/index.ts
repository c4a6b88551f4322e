// The current language and its messages. The English of the first page is in the core, the rest of it comes with
// the pages that need it (pages.ts); Korean is a chunk of its own.
import { useSyncExternalStore } from 'react';
import { en } from './en';
import type { enPages } from './en-pages';
import { fill, type Values } from './message';

export type Language = 'en' | 'ko';
export type MessageKey = keyof typeof en | keyof typeof enPages;
export type Catalogue = Record<MessageKey, string>;

let language: Language = 'en';
let drawing = 0;
let english: Partial<Catalogue> = en;
let catalogue: Partial<Catalogue> = english;
const listeners = new Set<() => void>();

export function t(key: MessageKey, values: Values = {}): string {
  return fill(catalogue[key] ?? english[key] ?? key, values, language);
}

export function addEnglish(more: Partial<Catalogue>): void {
  const shown = catalogue === english;
  english = { ...english, ...more };
  if (shown) catalogue = english;
}

export function currentLanguage(): Language {
  return language;
}

export async function setLanguage(next: Language): Promise<void> {
  catalogue = next === 'ko' ? (await import('./ko')).ko : english;
  language = next;
  document.documentElement.lang = next;
  redraw();
}

// Draws every text again.
export function redraw(): void {
  drawing++;
  for (const listener of listeners) listener();
}

// Components call it at the top so that a change of language draws them again.
export function useLanguage(): Language {
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => drawing,
  );
  return language;
}

export function formatCount(n: number): string {
  return new Intl.NumberFormat(language).format(n);
}

// "4 s", "12 min", "3 h", "2 d": one unit, rounded down.
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 90) return t('age.s', { n: seconds });
  if (seconds < 90 * 60) return t('age.m', { n: Math.floor(seconds / 60) });
  if (seconds < 48 * 3600) return t('age.h', { n: Math.floor(seconds / 3600) });
  return t('age.d', { n: Math.floor(seconds / 86_400) });
}
