// The header: title, time zone, freshness and refresh.
import { useEffect, useState } from 'react';
import { zoneLabel } from '../time/zone';
import { Icon } from '../ui/icons';
import { IconButton, Popover, Select } from '../ui/primitives';
import { formatAge, t, useLanguage } from './i18n';
import { autoRefresh, refreshNow, refreshSteps, useFreshness, useRefreshSeconds } from './refresh';
import { useSettings } from './settings';
import { ZoneField } from './ZoneField';

export function Header(props: { title: string; page: string; onPalette: () => void }) {
  const { title, page } = props;
  useLanguage();
  const zone = useSettings((s) => s.zone);
  return (
    <header className="header">
      <h1>{title}</h1>
      <span className="grow" />
      <button
        type="button"
        className="btn btn-plain palette-open"
        title={t('palette.name')}
        onClick={props.onPalette}
      >
        <Icon name="search" />
        <span className="sr-only">{t('palette.name')}</span>
        <kbd>Ctrl K</kbd>
      </button>
      <Popover label={t('settings.zone')} text={zoneLabel(Date.now(), zone)} kind="plain">
        {() => (
          <div className="popover-list">
            <ZoneField />
          </div>
        )}
      </Popover>
      {page !== '' && <Refresh page={page} />}
    </header>
  );
}

function intervalName(seconds: number): string {
  if (seconds === 0) return t('refresh.off');
  if (seconds === autoRefresh) return t('refresh.auto');
  if (seconds < 90) return t('age.s', { n: seconds });
  if (seconds < 3600) return t('age.m', { n: seconds / 60 });
  return seconds < 86_400 ? t('age.h', { n: seconds / 3600 }) : t('age.d', { n: seconds / 86_400 });
}

function Refresh({ page }: { page: string }) {
  const chosen = useSettings((s) => s.refresh[page] ?? 0);
  const seconds = useRefreshSeconds(page);
  const { at } = useFreshness();
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const ageMs = at === null ? null : Date.now() - at;
  // Without an interval data is meant to stay: it grows old only after a minute.
  const share = ageMs === null ? 0 : ageMs / 1000 / (seconds || 60);
  const level = ageMs === null ? 'none' : share <= 1.2 ? 'live' : share <= 3 ? 'dim' : 'stale';
  const text =
    ageMs === null
      ? t('fresh.none')
      : level === 'stale' && seconds > 0
        ? t('fresh.stale', { age: formatAge(ageMs) })
        : t('fresh.age', { age: formatAge(ageMs) });
  return (
    <div className="refresh">
      <span className="fresh" data-level={level} title={t('fresh.label')}>
        <span className="fresh-dot" aria-hidden="true" />
        {text}
      </span>
      <Select
        label={t('refresh.label')}
        value={String(chosen)}
        options={refreshSteps.map((s) => ({ value: String(s), label: intervalName(s) }))}
        onChange={(value) =>
          useSettings.setState((s) => ({ refresh: { ...s.refresh, [page]: Number(value) } }))
        }
      />
      <IconButton icon="refresh" label={t('refresh.now')} onClick={refreshNow} />
    </div>
  );
}
