// The current language and its messages. English is in the core; Korean is a chunk of its own.
import { useSyncExternalStore } from 'react';
import { en, type Catalogue, type MessageKey } from './en';
import { fill, type Values } from './message';

export type Language = 'en' | 'ko';
export type { MessageKey };

let language: Language = 'en';
let catalogue: Catalogue = en;
const listeners = new Set<() => void>();

export function t(key: MessageKey, values: Values = {}): string {
  return fill(catalogue[key], values, language);
}

export function currentLanguage(): Language {
  return language;
}

export async function setLanguage(next: Language): Promise<void> {
  catalogue = next === 'ko' ? (await import('./ko')).ko : en;
  language = next;
  document.documentElement.lang = next;
  for (const listener of listeners) listener();
}

// Components call it at the top so that a change of language draws them again.
export function useLanguage(): Language {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => language,
  );
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
