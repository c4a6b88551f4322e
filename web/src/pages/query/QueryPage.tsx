// /query: panels below each other, their state in the URL.
import { useCallback, useEffect, useRef, useState } from 'react';
import { t, useLanguage } from '../../app/i18n';
import { noteFailure, useRefresh } from '../../app/refresh';
import { useShortcuts } from '../../app/shortcuts';
import { Button } from '../../ui/primitives';
import { copyText } from '../../ui/toast';
import { loadLater } from './later';
import { Panel, type PanelHandle } from './Panel';
import { decodePanels, encodePanels, newPanel, type PanelOptions } from './url';

interface Entry {
  key: number;
  version: number;
  options: PanelOptions;
}

let nextKey = 1;

function entriesOf(search: string): Entry[] {
  return decodePanels(search).map((options) => ({ key: nextKey++, version: 0, options }));
}

function writeUrl(entries: readonly Entry[], how: 'push' | 'replace'): void {
  const url = `${location.pathname}?${encodePanels(entries.map((e) => e.options))}`;
  if (url === location.pathname + location.search) return;
  if (how === 'push') history.pushState(history.state, '', url);
  else history.replaceState(history.state, '', url);
}

export default function QueryPage() {
  useLanguage();
  const [entries, setEntries] = useState<Entry[]>(() => entriesOf(location.search));
  const handles = useRef(new Map<number, PanelHandle>());
  const latest = useRef(entries);
  latest.current = entries;

  const update = useCallback((next: Entry[], how: 'push' | 'replace') => {
    latest.current = next;
    setEntries(next);
    writeUrl(next, how);
  }, []);

  useEffect(loadLater, []);

  // Back and forward: panels keep their place, so that editors and charts are not built anew.
  useEffect(() => {
    const onPop = () => {
      const decoded = decodePanels(location.search);
      setEntries((old) =>
        decoded.map((options, i) => {
          const same = old[i];
          return same
            ? { ...same, version: same.version + 1, options }
            : { key: nextKey++, version: 0, options };
        }),
      );
    };
    addEventListener('popstate', onPop);
    return () => removeEventListener('popstate', onPop);
  }, []);

  const all = () => latest.current.flatMap((e) => handles.current.get(e.key) ?? []);
  useRefresh('query', async () => {
    try {
      await Promise.all(all().map((h) => h.run()));
    } catch {
      noteFailure();
    }
  });
  useShortcuts({
    '/': () => all()[0]?.focus(),
    'c l': () => void copyText(location.href),
    't ArrowLeft': () => all().forEach((h) => h.shift(-1)),
    't ArrowRight': () => all().forEach((h) => h.shift(1)),
    't z': () => all().forEach((h) => h.zoomOut()),
  });

  return (
    <div className="page page-query">
      {entries.map((entry, index) => (
        <PanelSlot
          key={entry.key}
          entry={entry}
          number={index + 1}
          alone={entries.length === 1}
          handles={handles.current}
          change={(options, how) =>
            update(
              latest.current.map((e) => (e.key === entry.key ? { ...e, options } : e)),
              how,
            )
          }
          onDuplicate={() => {
            const at = latest.current.findIndex((e) => e.key === entry.key);
            const current = latest.current[at];
            if (!current) return;
            const copy = { key: nextKey++, version: 0, options: { ...current.options } };
            update([...latest.current.slice(0, at + 1), copy, ...latest.current.slice(at + 1)], 'push');
          }}
          onRemove={() =>
            update(
              latest.current.filter((e) => e.key !== entry.key),
              'push',
            )
          }
        />
      ))}
      <div className="page-foot">
        <Button
          icon="plus"
          onClick={() =>
            update([...latest.current, { key: nextKey++, version: 0, options: newPanel() }], 'push')
          }
          disabled={entries.length >= 20}
        >
          {t('query.addPanel')}
        </Button>
        <Button kind="ghost" onClick={() => void copyText(location.href)}>
          {t('query.copyLink')}
        </Button>
      </div>
    </div>
  );
}

function PanelSlot(props: {
  entry: Entry;
  number: number;
  alone: boolean;
  handles: Map<number, PanelHandle>;
  change: (options: PanelOptions, how: 'push' | 'replace') => void;
  onDuplicate: () => void;
  onRemove: () => void;
}) {
  const { key, version, options } = props.entry;
  const changeRef = useRef(props.change);
  changeRef.current = props.change;
  const change = useCallback(
    (next: PanelOptions, how: 'push' | 'replace') => changeRef.current(next, how),
    [],
  );
  const register = useCallback(
    (handle: PanelHandle | null) => {
      if (handle) props.handles.set(key, handle);
      else props.handles.delete(key);
    },
    [key, props.handles],
  );
  return (
    <Panel
      number={props.number}
      alone={props.alone}
      options={options}
      version={version}
      change={change}
      onDuplicate={props.onDuplicate}
      onRemove={props.onRemove}
      register={register}
    />
  );
}
