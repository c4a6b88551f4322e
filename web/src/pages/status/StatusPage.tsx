// /status: what runs here, since when, and how it is.
import '../../app/i18n/pages';
import { useEffect, useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { useServerData } from '../../api/server-data';
import { useNotifications } from '../../api/notifications';
import type { BuildInfo, RuntimeInfo, TsdbStatus } from '../../api/types';
import { formatAge, formatCount, t, useLanguage } from '../../app/i18n';
import { useRefresh } from '../../app/refresh';
import { useSettings } from '../../app/settings';
import { showDateTime } from '../../time/zone';
import { Loaded } from '../../ui/Loaded';
import { Skeleton } from '../../ui/states';
import { formatBytes, formatSeconds } from '../../units/format';

export default function StatusPage() {
  useLanguage();
  const runtime = useServerData<RuntimeInfo>('status/runtimeinfo');
  const build = useServerData<BuildInfo>('status/buildinfo');
  const tsdb = useServerData<TsdbStatus>('status/tsdb', { limit: 1 });
  useRefresh('status', () => Promise.all([runtime.refetch(), build.refetch(), tsdb.refetch()]));
  // All at once: a card that fills up later would push the others down.
  const settled = [runtime, build, tsdb].every((from) => from.data !== undefined || from.error);
  if (!settled) return <Skeleton rows={16} />;
  return (
    <div className="page cards">
      <Loaded from={runtime} label={t('status.runtime')} rows={9}>
        {(data) => <Runtime info={data} />}
      </Loaded>
      <div className="cards-side">
        <Loaded from={build} label={t('status.build')} rows={5}>
          {(data) => <Build info={data} />}
        </Loaded>
        <Loaded from={tsdb} label={t('status.head')} rows={4}>
          {(data) => <Head status={data} />}
        </Loaded>
        <Notifications />
      </div>
    </div>
  );
}

function Facts({ title, rows }: { title: string; rows: [name: string, value: ReactNode][] }) {
  return (
    <>
      <h2 className="card-title">{title}</h2>
      <dl className="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Good({ good, text }: { good: boolean; text: string }) {
  return (
    <span className={`badge badge-${good ? 'ok' : 'firing'}`}>
      <span className={`shape shape-${good ? 'ok' : 'firing'}`} aria-hidden="true" />
      {text}
    </span>
  );
}

// Clocks that differ by more than this make results look late or empty.
const skewShownMs = 2000;

function Runtime({ info }: { info: RuntimeInfo }) {
  const zone = useSettings((s) => s.zone);
  const [now, setNow] = useState(() => Date.now());
  // Measured when the answer came, not when it is drawn again.
  const [skewMs, setSkew] = useState(0);
  useEffect(() => setSkew(Date.parse(info.serverTime) - Date.now()), [info]);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const started = Date.parse(info.startTime);
  const skew = Math.abs(skewMs) > skewShownMs;
  return (
    <Facts
      title={t('status.runtime')}
      rows={[
        [
          t('status.started'),
          <>
            {showDateTime(started, zone)}{' '}
            <span className="muted">{t('status.uptime', { age: formatAge(now - started) })}</span>
          </>,
        ],
        [
          t('status.serverTime'),
          skew ? (
            <Good
              key="skew"
              good={false}
              text={t(skewMs > 0 ? 'status.ahead' : 'status.behind', {
                time: formatSeconds(Math.abs(skewMs) / 1000),
              })}
            />
          ) : (
            <Good key="skew" good text={t('status.inStep')} />
          ),
        ],
        [
          t('status.reload'),
          <>
            <Good
              good={info.reloadConfigSuccess}
              text={t(info.reloadConfigSuccess ? 'status.reloadGood' : 'status.reloadFailed')}
            />{' '}
            <span className="muted">{showDateTime(Date.parse(info.lastConfigTime), zone)}</span>
          </>,
        ],
        [
          t('status.corruptions'),
          <Good key="wal" good={info.corruptionCount === 0} text={formatCount(info.corruptionCount)} />,
        ],
        [t('status.retention'), info.storageRetention || '–'],
        [t('status.host'), info.hostname],
        [t('status.cwd'), <code key="cwd">{info.CWD}</code>],
        [t('status.threads'), formatCount(info.goroutineCount)],
        [t('status.processors'), formatCount(info.GOMAXPROCS)],
        [t('status.memory'), formatBytes(info.GOMEMLIMIT)],
      ]}
    />
  );
}

function Build({ info }: { info: BuildInfo }) {
  const rows: [string, string][] = [
    [t('status.version'), info.version],
    [t('status.revision'), info.revision],
    [t('status.branch'), info.branch],
    [t('status.compiler'), info.goVersion],
    [t('status.buildUser'), info.buildUser],
    [t('status.buildDate'), info.buildDate],
  ];
  return <Facts title={t('status.build')} rows={rows.filter(([, value]) => value !== '')} />;
}

function Head({ status }: { status: TsdbStatus }) {
  const zone = useSettings((s) => s.zone);
  const { headStats: head } = status;
  // An empty head has its times at the ends of what an int64 holds.
  const empty = head.numSeries === 0 || head.minTime > head.maxTime;
  return (
    <>
      <Facts
        title={t('status.head')}
        rows={[
          [t('tsdb.series'), formatCount(head.numSeries)],
          [t('tsdb.chunks'), formatCount(head.chunkCount)],
          [t('tsdb.pairs'), formatCount(head.numLabelPairs)],
          [t('tsdb.from'), empty ? '–' : showDateTime(head.minTime, zone)],
        ]}
      />
      <p className="card-foot">
        <Link href="/tsdb-status">{t('status.more')}</Link>
      </p>
    </>
  );
}

function Notifications() {
  const zone = useSettings((s) => s.zone);
  const { active } = useNotifications();
  return (
    <section className="block" aria-label={t('status.notifications')}>
      <h2 className="card-title">{t('status.notifications')}</h2>
      {active.length === 0 ? (
        <p className="card-foot muted">
          {t('status.noNotifications')} {t('status.noNotificationsHint')}
        </p>
      ) : (
        <ul className="notes">
          {active.map((n) => (
            <li key={n.text}>
              <span className="shape shape-pending" aria-hidden="true" />
              <span>{n.text}</span>
              <span className="muted">{showDateTime(Date.parse(n.date), zone)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
