// /service-discovery: what was found, and what relabelling made of it.
import '../../app/i18n/pages';
import { lazy, Suspense, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useServerData } from '../../api/server-data';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { useRefresh } from '../../app/refresh';
import { useUrlState } from '../../app/url-state';
import { Loaded } from '../../ui/Loaded';
import { Icon } from '../../ui/icons';
import { Button, SearchField, Segmented, Select } from '../../ui/primitives';
import { Empty } from '../../ui/states';
import {
  decodeFilter,
  encodeFilter,
  labelRows,
  poolsOf,
  type Discovered,
  type DiscoveryAnswer,
  type DiscoveryFilter,
  type DiscoveryPool,
} from './model';

const RelabelDialog = lazy(() => import('../../ui/RelabelDialog'));

export default function DiscoveryPage() {
  useLanguage();
  const [filter, change] = useUrlState(decodeFilter, encodeFilter);
  const answer = useServerData<DiscoveryAnswer>('targets');
  useRefresh('service-discovery', answer.refetch);
  const names = useMemo(
    () =>
      [
        ...new Set([
          ...(answer.data?.activeTargets ?? []).map((target) => target.scrapePool),
          ...Object.keys(answer.data?.droppedTargetCounts ?? {}),
        ]),
      ].sort(),
    [answer.data],
  );
  return (
    <div className="page">
      <div className="filter-bar">
        <Segmented<DiscoveryFilter['state']>
          label={t('discovery.state')}
          value={filter.state}
          options={[
            { value: '', label: t('discovery.all') },
            { value: 'active', label: t('discovery.active') },
            { value: 'dropped', label: t('discovery.dropped') },
          ]}
          onChange={(state) => change({ state })}
        />
        <Select
          label={t('targets.pool')}
          value={filter.pool}
          options={[
            { value: '', label: t('targets.allPools') },
            ...names.map((name) => ({ value: name, label: name })),
          ]}
          onChange={(pool) => change({ pool })}
        />
        <SearchField
          label={t('discovery.search')}
          value={filter.search}
          hotkey
          onInput={(search) => change({ search }, 'replace')}
        />
      </div>
      <Loaded from={answer} label={t('nav.discovery')} rows={10}>
        {(data) => <Pools data={data} filter={filter} change={change} />}
      </Loaded>
    </div>
  );
}

type Item = { kind: 'pool'; pool: DiscoveryPool; folded: boolean } | { kind: 'target'; target: Discovered };

function Pools(props: {
  data: DiscoveryAnswer;
  filter: DiscoveryFilter;
  change: (partial: Partial<DiscoveryFilter>) => void;
}) {
  const { data, filter, change } = props;
  const pools = useMemo(() => poolsOf(data, filter), [data, filter]);
  const items = useMemo(() => {
    const out: Item[] = [];
    for (const pool of pools) {
      const folded = filter.folded.includes(pool.name);
      out.push({ kind: 'pool', pool, folded });
      if (!folded) for (const target of pool.shown) out.push({ kind: 'target', target });
    }
    return out;
  }, [pools, filter.folded]);
  const box = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => setOffset(box.current?.offsetTop ?? 0), [items.length === 0]);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => document.getElementById('main'),
    estimateSize: (i) => (items[i]?.kind === 'pool' ? 44 : 200),
    scrollMargin: offset,
    overscan: 6,
    useFlushSync: false,
  });
  if (items.length === 0) {
    const none = data.activeTargets.length + data.droppedTargets.length === 0;
    return none ? (
      <Empty title={t('discovery.none')} hint={t('targets.noneHint')} />
    ) : (
      <Empty title={t('targets.noMatch')}>
        <Button onClick={() => change({ pool: '', state: '', search: '' })}>{t('targets.clear')}</Button>
      </Empty>
    );
  }
  return (
    <div ref={box} className="found" style={{ height: `${virtual.getTotalSize()}px` }}>
      {virtual.getVirtualItems().map((at) => {
        const item = items[at.index] as Item;
        return (
          <div
            key={at.key}
            ref={virtual.measureElement}
            data-index={at.index}
            className={`found-item found-${item.kind}`}
            style={{ transform: `translateY(${at.start - offset}px)` }}
          >
            {item.kind === 'pool' ? (
              <PoolHead
                {...item}
                onFold={(name) =>
                  change({
                    folded: item.folded ? filter.folded.filter((p) => p !== name) : [...filter.folded, name],
                  })
                }
              />
            ) : (
              <TargetLabels target={item.target} />
            )}
          </div>
        );
      })}
    </div>
  );
}

function PoolHead({
  pool,
  folded,
  onFold,
}: {
  pool: DiscoveryPool;
  folded: boolean;
  onFold: (name: string) => void;
}) {
  return (
    <div className="pool">
      <button type="button" className="pool-fold" aria-expanded={!folded} onClick={() => onFold(pool.name)}>
        <Icon name={folded ? 'right' : 'down'} />
        <span className="pool-name">{pool.name}</span>
      </button>
      <span className="pool-count">
        {t('discovery.counts', { active: formatCount(pool.active), dropped: formatCount(pool.dropped) })}
      </span>
      {pool.forgotten > 0 && (
        <span className="muted">{t('discovery.forgotten', { count: pool.forgotten })}</span>
      )}
    </div>
  );
}

function TargetLabels({ target }: { target: Discovered }) {
  const rows = useMemo(() => labelRows(target), [target]);
  const name = target.after?.['instance'] ?? target.before['__address__'] ?? '';
  const dropped = target.after === null;
  const [relabelling, setRelabelling] = useState(false);
  return (
    <section aria-label={name}>
      <h2 className="found-name">
        <span className={`badge badge-${dropped ? 'unknown' : 'ok'}`}>
          <span className={`shape shape-${dropped ? 'unknown' : 'ok'}`} aria-hidden="true" />
          {t(dropped ? 'discovery.dropped' : 'discovery.active')}
        </span>
        <code>{name}</code>
      </h2>
      <Button kind="ghost" onClick={() => setRelabelling(true)}>
        {t('relabel.steps')}
      </Button>
      {relabelling && (
        <Suspense>
          <RelabelDialog
            pool={target.pool}
            name={name}
            discovered={target.before}
            onClose={() => setRelabelling(false)}
          />
        </Suspense>
      )}
      <table className="found-labels">
        <thead>
          <tr>
            <th scope="col">{t('discovery.label')}</th>
            <th scope="col">{t('targets.discovered')}</th>
            <th scope="col">{t('discovery.after')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name} data-change={row.change} data-inner={row.name.startsWith('__') || undefined}>
              <th scope="row">{row.name}</th>
              <td>{row.before ?? <span className="muted">–</span>}</td>
              <td>
                {row.after ?? <span className="muted">–</span>}
                {row.change !== 'same' && (
                  <span className="found-change">{t(`discovery.change.${row.change}`)}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
