// /explore/queries: what the server computes right now, what was slow or failed, what costs most.
import '../../app/i18n/pages';
import '../../style/activity.css';
import { useMemo, useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { request } from '../../api/client';
import { useServerData } from '../../api/server-data';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { useRefresh } from '../../app/refresh';
import { useSettings } from '../../app/settings';
import { useUrlState } from '../../app/url-state';
import { formatDuration } from '../../time/duration';
import { showDateTime } from '../../time/zone';
import { Loaded } from '../../ui/Loaded';
import { Button, SearchField, Segmented, Select } from '../../ui/primitives';
import { Empty } from '../../ui/states';
import { toast } from '../../ui/toast';
import { formatBytes, formatSeconds } from '../../units/format';
import { encodePanels, newPanel } from '../query/url';
import {
  costOrders,
  decode,
  encode,
  matches,
  meanSeconds,
  sortCosts,
  views,
  type Activity,
  type Asked,
  type CostOrder,
  type View,
} from './model';

export default function QueriesPage() {
  useLanguage();
  const [state, change] = useUrlState(decode, encode);
  const answer = useServerData<Activity>('/api/narthex/v1/queries');
  useRefresh('explore/queries', answer.refetch);
  return (
    <div className="page">
      <div className="filter-bar">
        <Segmented<View>
          label={t('queries.view')}
          value={state.view}
          options={views.map((view) => ({
            value: view,
            label: `${t(`queries.view.${view}`)}${answer.data ? ` ${formatCount(answer.data[view].length)}` : ''}`,
          }))}
          onChange={(view) => change({ view })}
        />
        <SearchField
          label={t('queries.search')}
          value={state.search}
          hotkey
          onInput={(search) => change({ search }, 'replace')}
        />
        {state.view === 'top' && (
          <Select<CostOrder>
            label={t('queries.order')}
            showLabel
            value={state.sort}
            options={costOrders.map((order) => ({ value: order, label: t(`queries.order.${order}`) }))}
            onChange={(sort) => change({ sort })}
          />
        )}
      </div>
      <Loaded from={answer} label={t('nav.queries')} rows={8}>
        {(data) => (
          <>
            {state.view === 'running' && (
              <RunningTable data={data} search={state.search} again={answer.refetch} />
            )}
            {state.view === 'recent' && <RecentTable data={data} search={state.search} />}
            {state.view === 'top' && <TopTable data={data} search={state.search} sort={state.sort} />}
          </>
        )}
      </Loaded>
    </div>
  );
}

function Text({ query, asked }: { query: string; asked?: Asked }) {
  const range = asked?.type === 'range';
  const panel = {
    ...newPanel(),
    exprs: [query],
    ...(range
      ? {
          tab: 'graph' as const,
          endMs: asked.end * 1000,
          rangeMs: Math.max(1000, (asked.end - asked.start) * 1000),
        }
      : {}),
  };
  return (
    <>
      <Link href={`/query?${encodePanels([panel])}`} className="activity-text">
        <code>{query}</code>
      </Link>
      {asked && (
        <span className="muted activity-what">
          {range
            ? t('queries.range', {
                range: formatDuration((asked.end - asked.start) * 1000),
                step: formatDuration(asked.step * 1000),
              })
            : t('queries.instant')}
          {asked.client && ` · ${asked.client}`}
          {asked.path && ` · ${asked.path}`}
          {asked.cut && ` · ${t('queries.cut')}`}
        </span>
      )}
    </>
  );
}

function Table({ heads, children }: { heads: ReactNode[]; children: ReactNode }) {
  return (
    <div className="activity-box" role="group" aria-label={t('nav.queries')} tabIndex={0}>
      <table className="plain activity">
        <thead>
          <tr>
            {heads.map((head, i) => (
              <th key={i} scope="col" className={i > 0 ? 'activity-num' : undefined}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function Nothing({ search, title, hint }: { search: string; title: string; hint: string }) {
  return search ? <Empty title={t('queries.noMatch')} /> : <Empty title={title} hint={hint} />;
}

function RunningTable(props: { data: Activity; search: string; again: () => Promise<unknown> }) {
  const { data, search } = props;
  const [asked, setAsked] = useState<ReadonlySet<string>>(new Set());
  const rows = data.running.filter((q) => matches(search, q));
  const cancel = async (id: string) => {
    setAsked((ids) => new Set(ids).add(id));
    try {
      await request(`/api/narthex/v1/queries/${id}`, {}, { method: 'DELETE' });
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
    }
    await props.again();
  };
  if (rows.length === 0)
    return <Nothing search={search} title={t('queries.idle')} hint={t('queries.idleHint')} />;
  return (
    <>
      <Table
        heads={[
          t('queries.query'),
          t('queries.state'),
          t('queries.age'),
          t('queries.samples'),
          t('queries.memory'),
          ...(data.canCancel
            ? [
                <span key="cancel" className="sr-only">
                  {t('query.cancel')}
                </span>,
              ]
            : []),
        ]}
      >
        {rows.map((q) => (
          <tr key={q.id}>
            <td>
              <Text query={q.query} asked={q} />
            </td>
            <td className="activity-num">{t(`queries.state.${q.state}`)}</td>
            <td className="activity-num">{formatSeconds(q.seconds)}</td>
            <td className="activity-num">{formatCount(q.peakSamples)}</td>
            <td className="activity-num">{formatBytes(q.memoryBytes)}</td>
            {data.canCancel && (
              <td className="activity-num">
                <Button
                  disabled={q.state === 'canceled' || asked.has(q.id)}
                  aria-label={t('queries.cancel', { query: q.query })}
                  onClick={() => void cancel(q.id)}
                >
                  {t('query.cancel')}
                </Button>
              </td>
            )}
          </tr>
        ))}
      </Table>
      {!data.canCancel && <p className="muted activity-note">{t('queries.noCancel')}</p>}
    </>
  );
}

function RecentTable({ data, search }: { data: Activity; search: string }) {
  const zone = useSettings((s) => s.zone);
  const rows = data.recent.filter((q) => matches(search, q));
  const slow = formatSeconds(data.slowSeconds);
  if (rows.length === 0)
    return <Nothing search={search} title={t('queries.quick')} hint={t('queries.quickHint', { slow })} />;
  return (
    <>
      <Table heads={[t('queries.query'), t('queries.at'), t('queries.took'), t('queries.samples')]}>
        {rows.map((q) => (
          <tr key={q.id}>
            <td>
              <Text query={q.query} asked={q} />
              {q.error && (
                <span className="activity-error">
                  <span className="shape shape-firing" aria-hidden="true" /> {q.error}
                </span>
              )}
            </td>
            <td className="activity-num">{showDateTime(Date.parse(q.startedAt), zone)}</td>
            <td className="activity-num">{formatSeconds(q.seconds)}</td>
            <td className="activity-num">{formatCount(q.peakSamples)}</td>
          </tr>
        ))}
      </Table>
      <p className="muted activity-note">{t('queries.quickHint', { slow })}</p>
    </>
  );
}

function TopTable({ data, search, sort }: { data: Activity; search: string; sort: CostOrder }) {
  const rows = useMemo(
    () =>
      sortCosts(
        data.top.filter((cost) => matches(search, cost)),
        sort,
      ),
    [data, search, sort],
  );
  if (rows.length === 0)
    return <Nothing search={search} title={t('queries.none')} hint={t('queries.topHint')} />;
  return (
    <>
      <Table
        heads={[
          t('queries.query'),
          t('queries.order.count'),
          t('queries.errors'),
          t('queries.order.total'),
          t('queries.order.mean'),
          t('queries.order.max'),
          t('queries.samples'),
        ]}
      >
        {rows.map((cost) => (
          <tr key={cost.query}>
            <td>
              <Text query={cost.query} />
            </td>
            <td className="activity-num">{formatCount(cost.count)}</td>
            <td className="activity-num">{formatCount(cost.errors)}</td>
            <td className="activity-num">{formatSeconds(cost.totalSeconds)}</td>
            <td className="activity-num">{formatSeconds(meanSeconds(cost))}</td>
            <td className="activity-num">{formatSeconds(cost.maxSeconds)}</td>
            <td className="activity-num">{formatCount(cost.peakSamples)}</td>
          </tr>
        ))}
      </Table>
      <p className="muted activity-note">{t('queries.topHint')}</p>
    </>
  );
}
