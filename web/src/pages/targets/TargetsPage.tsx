// /targets: what is scraped, and how it goes.
import '../../app/i18n/pages';
import { lazy, Suspense, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useLocation } from 'wouter';
import { curlOf, request } from '../../api/client';
import type { Health, QueryData, Target, Targets } from '../../api/types';
import { formatAge, formatCount, t, useLanguage } from '../../app/i18n';
import { noteFailure, noteFresh, useRefresh } from '../../app/refresh';
import { useSettings } from '../../app/settings';
import { useUrlState } from '../../app/url-state';
import { quote } from '../../frame/labels';
import { showDateTime } from '../../time/zone';
import { Icon } from '../../ui/icons';
import { Button, Check, Menu, SearchField, Select } from '../../ui/primitives';
import { Empty, ErrorBox, ReloadLine, Skeleton } from '../../ui/states';
import { copyText, toast } from '../../ui/toast';
import { formatSeconds } from '../../units/format';
import { encodePanels, newPanel } from '../query/url';
import {
  decodeFilter,
  encodeFilter,
  healths,
  isNever,
  isWebUrl,
  poolsOf,
  timeoutShare,
  type Pool,
} from './model';

const RelabelDialog = lazy(() => import('../../ui/RelabelDialog'));

// Samples of each target's last scrape, by job and instance. An extra: without it the column is empty.
async function readSampleCounts(signal: AbortSignal): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  const answer = await request<QueryData>(
    'query',
    { query: 'scrape_samples_scraped' },
    { signal, form: true },
  );
  if (answer.data.resultType !== 'vector') return out;
  for (const s of answer.data.result) {
    const { __name__: _, ...labels } = s.metric;
    if (s.value) out.set(labelKey(labels), s.value[1]);
  }
  return out;
}

function labelKey(labels: Record<string, string>): string {
  return JSON.stringify(Object.entries(labels).sort());
}

type Item =
  | { kind: 'pool'; pool: Pool; folded: boolean }
  | { kind: 'head'; pool: Pool }
  | { kind: 'target'; target: Target };

const shapes: Record<Health, string> = { up: 'ok', down: 'firing', unknown: 'unknown' };

export default function TargetsPage() {
  useLanguage();
  const [filter, change] = useUrlState(decodeFilter, encodeFilter);
  const client = useQueryClient();
  const targets = useQuery({
    queryKey: ['targets'],
    queryFn: async ({ signal }) => {
      try {
        const answer = await request<Targets>('targets', { state: 'active' }, { signal });
        noteFresh();
        return answer.data.activeTargets;
      } catch (error) {
        if (!signal.aborted) noteFailure();
        throw error;
      }
    },
    placeholderData: keepPreviousData,
  });
  const counts = useQuery({
    queryKey: ['targets', 'samples'],
    queryFn: ({ signal }) => readSampleCounts(signal),
    placeholderData: keepPreviousData,
  });
  useRefresh('targets', () => Promise.all([targets.refetch(), counts.refetch()]));

  const all = targets.data;
  const pools = useMemo(() => (all ? poolsOf(all, filter) : []), [all, filter]);
  const names = useMemo(() => [...new Set(all?.map((target) => target.scrapePool))].sort(), [all]);
  const totals = useMemo(() => {
    const out: Record<Health, number> = { up: 0, down: 0, unknown: 0 };
    for (const target of all ?? []) out[target.health]++;
    return out;
  }, [all]);
  const shown = pools.reduce((sum, p) => sum + p.targets.length, 0);
  const total = all?.length ?? 0;
  const filtered = shown < total;
  const folded = new Set(filter.folded);
  const started = useStarted(targets.isFetching);

  return (
    <div className="page page-targets">
      <div className="filter-bar">
        <SearchField
          hotkey
          label={t('targets.search')}
          value={filter.search}
          onInput={(search) => change({ search }, 'replace')}
        />
        <Select
          label={t('targets.pool')}
          value={names.includes(filter.pool) || filter.pool === '' ? filter.pool : ''}
          options={[
            { value: '', label: t('targets.allPools') },
            ...names.map((n) => ({ value: n, label: n })),
          ]}
          onChange={(pool) => change({ pool })}
        />
        <fieldset className="health-filter">
          <legend className="sr-only">{t('targets.health')}</legend>
          {healths.map((h) => (
            <button
              key={h}
              type="button"
              className="chip"
              aria-pressed={filter.health.includes(h)}
              onClick={() =>
                change({
                  health: filter.health.includes(h)
                    ? filter.health.filter((x) => x !== h)
                    : [...filter.health, h],
                })
              }
            >
              <span className={`shape shape-${shapes[h]}`} aria-hidden="true" />
              {t(`targets.${h}`)} <b>{formatCount(totals[h])}</b>
            </button>
          ))}
        </fieldset>
        <Check
          label={t('targets.failingFirst')}
          checked={filter.failingFirst}
          onChange={(failingFirst) => change({ failingFirst })}
        />
        <span className="grow" />
        <span className="muted filter-count" role="status">
          {all &&
            (filtered
              ? t('targets.shown', { shown: formatCount(shown), total: formatCount(total) })
              : t('targets.summary', { up: formatCount(totals.up), total: formatCount(total) }))}
        </span>
        <Button
          kind="ghost"
          disabled={pools.length < 2}
          onClick={() => change({ folded: folded.size > 0 ? [] : names })}
        >
          {t(folded.size > 0 ? 'targets.unfoldAll' : 'targets.foldAll')}
        </Button>
      </div>
      <div className="block" aria-busy={targets.isFetching}>
        <ReloadLine since={started} onCancel={() => void client.cancelQueries({ queryKey: ['targets'] })} />
        {targets.error && (
          <ErrorBox
            error={targets.error}
            onRetry={() => void targets.refetch()}
            curl={curlOf('targets', { state: 'active' })}
          />
        )}
        {!all && !targets.error && <Skeleton rows={10} />}
        {all && total === 0 && <Empty title={t('targets.none')} hint={t('targets.noneHint')} />}
        {all && total > 0 && shown === 0 && (
          <Empty title={t('targets.noMatch')} hint={t('targets.noMatchHint', { count: total })}>
            <Button onClick={() => change({ pool: '', health: [], search: '' })}>{t('targets.clear')}</Button>
          </Empty>
        )}
        {shown > 0 && (
          <TargetTable
            pools={pools}
            folded={folded}
            counts={counts.data}
            onFold={(pool) =>
              change({
                folded: folded.has(pool) ? filter.folded.filter((p) => p !== pool) : [...filter.folded, pool],
              })
            }
            onSearch={(search) => change({ search })}
          />
        )}
      </div>
    </div>
  );
}

// When the fetch that is under way began.
function useStarted(fetching: boolean): number | null {
  const started = useRef<number | null>(null);
  if (!fetching) started.current = null;
  else started.current ??= Date.now();
  return started.current;
}

interface TableProps {
  pools: Pool[];
  folded: ReadonlySet<string>;
  counts: Map<string, string> | undefined;
  onFold: (pool: string) => void;
  onSearch: (search: string) => void;
}

function TargetTable({ pools, folded, counts, onFold, onSearch }: TableProps) {
  const items = useMemo(() => {
    const out: Item[] = [];
    for (const pool of pools) {
      const isFolded = folded.has(pool.name);
      out.push({ kind: 'pool', pool, folded: isFolded });
      if (isFolded) continue;
      out.push({ kind: 'head', pool });
      for (const target of pool.targets) out.push({ kind: 'target', target });
    }
    return out;
  }, [pools, [...folded].join('\n')]);
  const box = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => setOffset(box.current?.offsetTop ?? 0), []);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => document.getElementById('main'),
    estimateSize: (i) => ({ pool: 44, head: 28, target: 44 })[(items[i] as Item).kind],
    getItemKey: (i) => itemKey(items[i] as Item),
    scrollMargin: offset,
    overscan: 12,
    useFlushSync: false,
  });
  return (
    <div
      ref={box}
      role="table"
      aria-label={t('targets.title')}
      aria-rowcount={items.length}
      className="targets"
      style={{ height: `${virtual.getTotalSize()}px` }}
    >
      <div role="rowgroup">
        {virtual.getVirtualItems().map((at) => {
          const item = items[at.index] as Item;
          return (
            <div
              key={at.key}
              ref={virtual.measureElement}
              data-index={at.index}
              role="row"
              aria-rowindex={at.index + 1}
              className={`target-item target-${item.kind}`}
              data-health={item.kind === 'target' ? item.target.health : undefined}
              style={{ transform: `translateY(${at.start - offset}px)` }}
            >
              {item.kind === 'pool' && <PoolRow pool={item.pool} folded={item.folded} onFold={onFold} />}
              {item.kind === 'head' && <HeadRow />}
              {item.kind === 'target' && (
                <TargetRow
                  target={item.target}
                  samples={counts?.get(labelKey(item.target.labels))}
                  onSearch={onSearch}
                />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function itemKey(item: Item): string {
  if (item.kind === 'target')
    return `${item.target.scrapePool}\n${item.target.scrapeUrl}\n${labelKey(item.target.labels)}`;
  return `${item.kind}\n${item.pool.name}`;
}

function PoolRow({ pool, folded, onFold }: { pool: Pool; folded: boolean; onFold: (name: string) => void }) {
  const unknown = pool.total - pool.up - pool.down;
  return (
    <div role="cell" className="pool" aria-colspan={7}>
      <button type="button" className="pool-fold" aria-expanded={!folded} onClick={() => onFold(pool.name)}>
        <Icon name={folded ? 'right' : 'down'} />
        <span className="pool-name">{pool.name}</span>
      </button>
      <span className="pool-bar" aria-hidden="true">
        <i className="is-ok" style={{ flexGrow: pool.up }} />
        <i className="is-unknown" style={{ flexGrow: unknown }} />
        <i className="is-firing" style={{ flexGrow: pool.down }} />
      </span>
      <span className={pool.down > 0 ? 'pool-count is-firing' : 'pool-count'}>
        {pool.down > 0 && <span className="shape shape-firing" aria-hidden="true" />}
        {t('targets.summary', { up: formatCount(pool.up), total: formatCount(pool.total) })}
      </span>
    </div>
  );
}

function HeadRow() {
  return (
    <>
      {(['state', 'endpoint', 'labels', 'lastScrape', 'duration', 'interval', 'samples'] as const).map(
        (name) => (
          <div key={name} role="columnheader" className={`tc tc-${name}`}>
            {t(`targets.${name}`)}
          </div>
        ),
      )}
      <div role="columnheader" className="tc tc-menu">
        <span className="sr-only">⋯</span>
      </div>
    </>
  );
}

function TargetRow({
  target,
  samples,
  onSearch,
}: {
  target: Target;
  samples: string | undefined;
  onSearch: (search: string) => void;
}) {
  const zone = useSettings((s) => s.zone);
  const [, navigate] = useLocation();
  const [details, setDetails] = useState(false);
  const [relabelling, setRelabelling] = useState(false);
  const never = isNever(target.lastScrape);
  const scrapedMs = Date.parse(target.lastScrape);
  const share = timeoutShare(target);
  const url = target.globalUrl || target.scrapeUrl;
  const selector = `{${['instance', 'job'].flatMap((l) => (target.labels[l] === undefined ? [] : [`${l}=${quote(target.labels[l])}`])).join(', ')}}`;
  return (
    <>
      <div role="cell" className="tc tc-state">
        <span className={`badge badge-${shapes[target.health]}`}>
          <span className={`shape shape-${shapes[target.health]}`} aria-hidden="true" />
          {t(`targets.${target.health}`)}
        </span>
      </div>
      <div role="cell" className="tc tc-endpoint">
        {isWebUrl(url) ? (
          <a href={url} target="_blank" rel="noopener noreferrer">
            {target.scrapeUrl}
          </a>
        ) : (
          <span>{target.scrapeUrl}</span>
        )}
      </div>
      <div role="cell" className="tc tc-labels">
        {Object.entries(target.labels).map(([name, value]) => (
          <button
            key={name}
            type="button"
            className="label"
            title={t('targets.filterBy', { label: `${name}="${value}"` })}
            onClick={() => onSearch(`${name}="${value}"`)}
          >
            {name}=<b>{quote(value)}</b>
          </button>
        ))}
        <button
          type="button"
          className="label label-more"
          aria-expanded={details}
          title={t('targets.details')}
          onClick={() => setDetails(!details)}
        >
          …<span className="sr-only">{t('targets.details')}</span>
        </button>
        {details && (
          <dl className="discovered">
            <dt className="muted">{t('targets.discovered')}</dt>
            {Object.entries(target.discoveredLabels).map(([name, value]) => (
              <dd key={name}>
                {name}=<b>{quote(value)}</b>
              </dd>
            ))}
          </dl>
        )}
      </div>
      <div
        role="cell"
        className="tc tc-lastScrape"
        title={never ? undefined : showDateTime(scrapedMs, zone, true)}
      >
        <span className="tc-name">{t('targets.lastScrape')} </span>
        {never ? t('targets.never') : <Ago sinceMs={scrapedMs} />}
      </div>
      <div
        role="cell"
        className="tc tc-duration"
        title={
          share === null
            ? undefined
            : t('targets.durationOf', {
                duration: formatSeconds(target.lastScrapeDuration),
                timeout: target.scrapeTimeout,
              })
        }
      >
        <span className="tc-name">{t('targets.duration')} </span>
        {never ? '–' : formatSeconds(target.lastScrapeDuration)}
        {share !== null && (
          <span className="bar" aria-hidden="true" data-hot={share > 0.8 || undefined}>
            <i style={{ width: `${Math.max(1, share * 100)}%` }} />
          </span>
        )}
      </div>
      <div role="cell" className="tc tc-interval">
        <span className="tc-name">{t('targets.interval')} </span>
        {target.scrapeInterval}
      </div>
      <div role="cell" className="tc tc-samples">
        <span className="tc-name">{t('targets.samples')} </span>
        {samples === undefined ? '–' : formatCount(Number(samples))}
      </div>
      <div role="cell" className="tc tc-menu">
        <Menu
          icon="more"
          label={t('targets.menu', { url: target.scrapeUrl })}
          entries={[
            ...(isWebUrl(url) ? [{ label: t('targets.open'), href: url, external: true }] : []),
            {
              label: t('targets.query'),
              onSelect: () => navigate(`/query?${encodePanels([{ ...newPanel(), exprs: [selector] }])}`),
            },
            { label: t('relabel.steps'), onSelect: () => setRelabelling(true) },
            { label: t('targets.copyConfig'), onSelect: () => void copyConfig(target.scrapePool) },
            { label: t('targets.copyUrl'), onSelect: () => void copyText(target.scrapeUrl) },
            {
              label: t('targets.copyLabels'),
              onSelect: () =>
                void copyText(
                  Object.entries(target.labels)
                    .map(([k, v]) => `${k}: ${JSON.stringify(v)}`)
                    .join('\n'),
                ),
            },
          ]}
        />
        {relabelling && (
          <Suspense>
            <RelabelDialog
              pool={target.scrapePool}
              name={target.labels['instance'] ?? target.scrapeUrl}
              discovered={target.discoveredLabels}
              onClose={() => setRelabelling(false)}
            />
          </Suspense>
        )}
      </div>
      {target.lastError && (
        <div role="cell" className="tc tc-error">
          <pre>{target.lastError}</pre>
        </div>
      )}
    </>
  );
}

// The pool's part of the configuration, as the server applies it.
async function copyConfig(scrapePool: string): Promise<void> {
  try {
    const { data } = await request<{ yaml: string }>('scrape_pools/config', { scrapePool });
    await copyText(data.yaml);
  } catch (error) {
    toast(t('targets.noConfig', { message: error instanceof Error ? error.message : String(error) }));
  }
}

function Ago({ sinceMs }: { sinceMs: number }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return <>{t('targets.ago', { age: formatAge(Date.now() - sinceMs) })}</>;
}
