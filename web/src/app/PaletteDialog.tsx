// The command palette: pages, settings, recent queries and metrics by name, all from the keyboard.
import './i18n/pages';
import { useEffect, useId, useRef, useState } from 'react';
import { useServerData } from '../api/server-data';
import { quote } from '../frame/labels';
import { namePattern } from '../promql/name-pattern';
import { useHistory } from '../promql/history';
import { Dialog } from '../ui/primitives';
import { t, useLanguage, type MessageKey } from './i18n';
import { found, type Command } from './palette';
import { useSettings, type Settings } from './settings';

const queriesOffered = 40;
const metricsOffered = 20;

export interface PaletteProps {
  onClose: () => void;
  pages: { path: string; title: MessageKey; key: string }[];
  go: (path: string) => void;
  // Shows the expression on the query page.
  query: (expr: string) => void;
  settings: () => void;
  keys: () => void;
}

function settingCommands(props: PaletteProps): Command[] {
  const set = (what: string, now: string, change: Partial<Settings>): Command => ({
    id: `set ${what} ${now}`,
    group: 'setting',
    text: `${what}: ${now}`,
    run: () => useSettings.setState(change),
  });
  return [
    ...(['system', 'dark', 'light'] as const).map((theme) =>
      set(t('settings.theme'), t(`settings.theme.${theme}`), { theme }),
    ),
    set(t('settings.language'), 'English', { language: 'en' }),
    set(t('settings.language'), '한국어', { language: 'ko' }),
    set(t('settings.zone'), 'UTC', { zone: 'UTC' }),
    set(
      t('settings.zone'),
      t('settings.zone.browser', { zone: Intl.DateTimeFormat().resolvedOptions().timeZone }),
      {
        zone: 'browser',
      },
    ),
    ...(['comfortable', 'compact'] as const).map((density) =>
      set(t('settings.density'), t(`settings.density.${density}`), { density }),
    ),
    { id: 'settings', group: 'setting', text: t('nav.settings'), run: props.settings },
    { id: 'keys', group: 'setting', text: t('nav.keys'), note: '?', run: props.keys },
  ];
}

export default function PaletteDialog(props: PaletteProps) {
  useLanguage();
  const [search, setSearch] = useState('');
  const [asked, setAsked] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const history = useHistory((h) => h.entries);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(search.trim()), 150);
    return () => clearTimeout(timer);
  }, [search]);
  const metrics = useServerData<string[]>(
    'label/__name__/values',
    {
      limit: metricsOffered,
      'match[]': `{__name__=~${quote(`(?i)${namePattern(asked)}`)}}`,
    },
    { enabled: asked.length >= 2 },
  );
  const offered = (): Command[] => {
    const all: Command[] = props.pages.map((page) => ({
      id: page.path,
      group: 'page',
      text: t(page.title),
      note: page.key,
      run: () => props.go(page.path),
    }));
    for (const entry of history.slice(0, queriesOffered)) {
      all.push({
        id: `query ${entry.expr}`,
        group: 'query',
        text: entry.expr,
        run: () => props.query(entry.expr),
      });
    }
    for (const name of asked.length >= 2 ? (metrics.data ?? []) : []) {
      all.push({
        id: `metric ${name}`,
        group: 'metric',
        text: name,
        run: () => props.query(name),
      });
    }
    return [...all, ...settingCommands(props)];
  };
  const shown = found(offered(), search);
  const current = Math.min(at, shown.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [current]);
  const choose = (command: Command | undefined) => {
    if (!command) return;
    props.onClose();
    // After the dialog has given the focus back.
    setTimeout(command.run, 0);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const last = shown.length - 1;
    const to = {
      ArrowDown: current >= last ? 0 : current + 1,
      ArrowUp: current <= 0 ? last : current - 1,
      PageDown: Math.min(last, current + 8),
      PageUp: Math.max(0, current - 8),
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      setAt(to);
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      event.preventDefault();
      choose(shown[current]);
    }
  };
  return (
    <Dialog title={t('palette.name')} onClose={props.onClose} className="dialog-palette">
      <input
        className="input palette-input"
        type="text"
        role="combobox"
        autoFocus
        aria-label={t('palette.search')}
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={current >= 0 ? `${id}-${current}` : undefined}
        aria-autocomplete="list"
        placeholder={t('palette.search')}
        autoComplete="off"
        spellCheck="false"
        value={search}
        onInput={(e) => {
          setSearch(e.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div
        ref={list}
        id={`${id}-list`}
        role="listbox"
        aria-label={t('palette.name')}
        className="palette-list"
      >
        {shown.map((command, i) => (
          <div
            key={command.id}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === current}
            className="palette-item"
            onMouseMove={() => i !== current && setAt(i)}
            onClick={() => choose(command)}
          >
            <span className="palette-group">{t(`palette.${command.group}`)}</span>
            {command.group === 'query' || command.group === 'metric' ? (
              <code>{command.text}</code>
            ) : (
              <span>{command.text}</span>
            )}
            {command.note && <kbd>{command.note}</kbd>}
          </div>
        ))}
      </div>
      {shown.length === 0 && <p className="palette-none muted">{t('palette.none')}</p>}
      <p className="sr-only" role="status">
        {t('palette.count', { count: shown.length })}
      </p>
    </Dialog>
  );
}
