// The user's settings, kept in this browser. boot.js reads the same key before the first paint.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import { setClock, type Clock, type Zone } from '../time/zone';
import { redraw, type Language } from './i18n';
import { pageInfo } from './page-info';

export const tooltips = ['all', 'single', 'none'] as const;
export type Tooltip = (typeof tooltips)[number];

export interface Settings {
  theme: 'system' | 'dark' | 'light';
  language: 'auto' | Language;
  zone: Zone;
  clock: Clock;
  // The page that the root address and the name of the product lead to.
  home: string;
  density: 'comfortable' | 'compact';
  editorFontPx: number;
  enterRuns: boolean;
  autocomplete: boolean;
  highlight: boolean;
  linter: boolean;
  history: boolean;
  showWarnings: boolean;
  showInfos: boolean;
  singleKeys: boolean;
  // What the chart says about the time under the pointer.
  tooltip: Tooltip;
  // Where the trace of an exemplar is looked at, with {label} for its labels; empty = no link.
  traceLink: string;
  // Seconds by page; 0 = never, autoRefresh = the scrape interval.
  refresh: Record<string, number>;
}

// Settings that the Prometheus UI left in this browser become the defaults, once.
function prometheusSetting(name: string): boolean | undefined {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(`settings.${name}`) ?? 'null');
    return typeof value === 'boolean' ? value : undefined;
  } catch {
    return undefined;
  }
}

function defaults(): Settings {
  const local = prometheusSetting('useLocalTime');
  const annotations = prometheusSetting('showAnnotations');
  return {
    theme: 'system',
    language: 'auto',
    zone: local === false ? 'UTC' : 'browser',
    clock: '24',
    home: '/query',
    density: 'comfortable',
    editorFontPx: 14,
    enterRuns: true,
    autocomplete: prometheusSetting('enableAutocomplete') ?? true,
    highlight: prometheusSetting('enableSyntaxHighlighting') ?? true,
    linter: prometheusSetting('enableLinter') ?? true,
    history: prometheusSetting('enableQueryHistory') ?? true,
    showWarnings: annotations ?? true,
    showInfos: annotations ?? true,
    singleKeys: true,
    tooltip: 'all',
    traceLink: '',
    refresh: { query: 0, targets: 15, 'explore/queries': 5 },
  };
}

// Settings as an earlier version of the UI kept them.
export function migrate(kept: unknown, version: number): Settings {
  const { tooltipAll, ...rest } = kept as Partial<Settings> & { tooltipAll?: boolean };
  if (version < 2 && tooltipAll === false) rest.tooltip = 'single';
  return { ...defaults(), ...rest };
}

export const useSettings = create<Settings>()(
  persist(() => defaults(), { name: 'narthex.settings', version: 2, migrate }),
);

const systemLight = () => matchMedia('(prefers-color-scheme: light)');

export function effectiveTheme(theme: Settings['theme']): 'dark' | 'light' {
  if (theme !== 'system') return theme;
  return systemLight().matches ? 'light' : 'dark';
}

export function effectiveLanguage(language: Settings['language']): Language {
  if (language !== 'auto') return language;
  return navigator.language.startsWith('ko') ? 'ko' : 'en';
}

// The theme on screen: canvas drawing reads its colours from the tokens and must redraw when this changes.
export const useTheme = create<{ theme: 'dark' | 'light' }>(() => ({
  theme: document.documentElement.dataset['theme'] === 'light' ? 'light' : 'dark',
}));

function applyTheme(): void {
  const theme = effectiveTheme(useSettings.getState().theme);
  document.documentElement.dataset['theme'] = theme;
  if (useTheme.getState().theme !== theme) useTheme.setState({ theme });
}

// The server reads it when the root is asked for.
function applyHome(home: string): void {
  const age = home === '/query' ? 0 : 365 * 86_400;
  document.cookie = `narthex-home=${home}; Path=${pageInfo.prefix}/; Max-Age=${age}; SameSite=Lax`;
}

export function startSettings(onLanguage: (language: Language) => void): void {
  applyTheme();
  setClock(useSettings.getState().clock);
  systemLight().addEventListener('change', applyTheme);
  useSettings.subscribe((now, before) => {
    if (now.theme !== before.theme) applyTheme();
    if (now.density !== before.density) document.documentElement.dataset['density'] = now.density;
    if (now.home !== before.home) applyHome(now.home);
    if (now.clock !== before.clock) {
      setClock(now.clock);
      redraw();
    }
    if (now.language !== before.language) onLanguage(effectiveLanguage(now.language));
  });
}
