// Single keys and two-key sequences. Off while typing, and altogether by setting (WCAG 2.1.4).
import { useEffect, useRef } from 'react';
import { useSettings } from './settings';

export type KeyMap = Record<string, () => void>;

const sequenceMs = 1000;
const maps = new Set<{ current: KeyMap }>();
let pending = '';
let pendingAt = 0;

function typing(event: KeyboardEvent): boolean {
  const element = event.composedPath()[0];
  if (!(element instanceof HTMLElement)) return false;
  return (
    element.isContentEditable ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) ||
    document.querySelector('dialog[open]') !== null
  );
}

function find(keys: string): (() => void) | undefined {
  // The page's own keys come after the shell's in the set and win.
  for (const map of [...maps].reverse()) {
    const action = map.current[keys];
    if (action) return action;
  }
  return undefined;
}

function startsSequence(key: string): boolean {
  return [...maps].some((map) => Object.keys(map.current).some((k) => k.startsWith(`${key} `)));
}

export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!useSettings.getState().singleKeys || typing(event)) return;
  const previous = Date.now() - pendingAt < sequenceMs ? pending : '';
  pending = '';
  const action = previous ? find(`${previous} ${event.key}`) : undefined;
  const chosen = action ?? find(event.key);
  if (chosen) {
    event.preventDefault();
    chosen();
  } else if (startsSequence(event.key)) {
    pending = event.key;
    pendingAt = Date.now();
  }
}

export function useShortcuts(map: KeyMap): void {
  const ref = useRef(map);
  ref.current = map;
  useEffect(() => {
    maps.add(ref);
    return () => {
      maps.delete(ref);
    };
  }, []);
}
