// /tsdb-status: what fills the database, and the means to take it out again.
import '../../app/i18n/pages';
import { useState } from 'react';
import { useServerData } from '../../api/server-data';
import type { Features, NamedCount, TsdbStatus } from '../../api/types';
import { formatAge, formatCount, t, useLanguage } from '../../app/i18n';
import { useRefresh } from '../../app/refresh';
import { useSettings } from '../../app/settings';
import { useUrlState, type UrlChange } from '../../app/url-state';
import { labelPair } from '../../frame/labels';
import { showDateTime } from '../../time/zone';
import { Loaded } from '../../ui/Loaded';
import { Button, CommitField, Menu, Select } from '../../ui/primitives';
import { formatBytes } from '../../units/format';
import { Blocks } from './Blocks';
import { CountTable } from './CountTable';
import { DeleteDialog } from './DeleteDialog';
import { Explorer } from './Explorer';
import { decodeState, encodeState, labelSelector, limits, pairSelector, type TsdbState } from './model';

export default function TsdbPage() {
  useLanguage();
  const [state, change] = useUrlState(decodeState, encodeState);
  const [deleting, setDeleting] = useState(false);
  const status = useServerData<TsdbStatus>('status/tsdb', { limit: state.limit });
  const features = useServerData<Features>('features');
  useRefresh('tsdb-status', status.refetch);
  const admin = features.data?.['api']?.['admin'] === true;
  return (
    <div className="page">
      <div className="filter-bar">
        <CommitField
          label={t('tsdb.match')}
          value={state.match}
          placeholder={t('tsdb.matchHint')}
          invalid=""
          widthCh={34}
          hotkey
          accept={(match) => {
            change({ match: match.trim(), focus: '' });
            return true;
          }}
        />
        {state.match !== '' && (
          <Button kind="ghost" onClick={() => change({ match: '', focus: '' })}>
            {t('tsdb.whole')}
          </Button>
        )}
        <Select
          label={t('tsdb.limit')}
          value={String(state.limit)}
          options={limits.map((n) => ({ value: String(n), label: t('tsdb.top', { count: n }) }))}
          onChange={(limit) => change({ limit: Number(limit) })}
        />
        <span className="grow" />
        {admin && (
          <Menu
            icon="more"
            label={t('tsdb.actions')}
            entries={[{ label: t('tsdb.delete'), onSelect: () => setDeleting(true) }]}
          />
        )}
      </div>
      {state.match === '' ? (
        <Loaded from={status} label={t('nav.tsdb')} rows={16} plain>
          {(data) => <Overview status={data} change={change} />}
        </Loaded>
      ) : (
        <Explorer state={state} change={change} />
      )}
      {deleting && <DeleteDialog selector={state.match} onClose={() => setDeleting(false)} />}
    </div>
  );
}

function Overview({ status, change }: { status: TsdbStatus; change: UrlChange<TsdbState> }) {
  const zone = useSettings((s) => s.zone);
  const { headStats: head } = status;
  const empty = head.numSeries === 0 || head.minTime > head.maxTime;
  const tiles: [string, string, string?][] = [
    [t('tsdb.series'), formatCount(head.numSeries)],
    [t('tsdb.chunks'), formatCount(head.chunkCount)],
    [t('tsdb.pairs'), formatCount(head.numLabelPairs)],
    [
      t('tsdb.span'),
      empty ? '–' : formatAge(head.maxTime - head.minTime),
      empty ? undefined : `${showDateTime(head.minTime, zone)} – ${showDateTime(head.maxTime, zone)}`,
    ],
  ];
  const lists: [
    string,
    string,
    NamedCount[],
    (name: string) => Partial<TsdbState>,
    ((n: number) => string)?,
  ][] = [
    [
      t('tsdb.byMetric'),
      t('table.name'),
      status.seriesCountByMetricName,
      (name) => ({ match: `{${labelPair('__name__', name)}}` }),
    ],
    [
      t('tsdb.byPair'),
      t('tsdb.pair'),
      status.seriesCountByLabelValuePair,
      (name) => ({ match: pairSelector(name) }),
    ],
    [
      t('tsdb.valuesByLabel'),
      t('discovery.label'),
      status.labelValueCountByLabelName,
      (name) => ({ match: labelSelector(name), focus: name }),
    ],
    [
      t('tsdb.bytesByLabel'),
      t('discovery.label'),
      status.memoryInBytesByLabelName,
      (name) => ({ match: labelSelector(name), focus: name }),
      formatBytes,
    ],
  ];
  return (
    <>
      <dl className="tiles">
        {tiles.map(([name, value, title]) => (
          <div key={name} className="tile" title={title}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className="lists">
        {lists.map(([title, column, counts, next, format], i) => (
          <CountTable
            key={title}
            title={title}
            column={column}
            counts={counts}
            // Only series add up: values and bytes of different labels have no common whole.
            whole={i < 2 ? head.numSeries : undefined}
            format={format ?? formatCount}
            onSelect={(name) => change(next(name))}
          />
        ))}
      </div>
      <Blocks />
    </>
  );
}
