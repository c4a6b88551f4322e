// The metrics explorer: find a metric, see its labels, build a selector from them.
import '../../app/i18n/pages';
import { useEffect, useMemo, useState } from 'react';
import { useServerData } from '../../api/server-data';
import type { MetricMetadata, QueryData } from '../../api/types';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { labelPair, quote, seriesText } from '../../frame/labels';
import { Loaded } from '../../ui/Loaded';
import { Button, Dialog, SearchField, Select } from '../../ui/primitives';
import { Empty } from '../../ui/states';
import { namePattern } from '../../promql/name-pattern';
import { copyText } from '../../ui/toast';

// Asked for at most; a longer list is narrowed by typing.
const namesMax = 500;
const valuesMax = 200;

export interface MetricsDialogProps {
  onClose: () => void;
  onInsert: (selector: string) => void;
  onGraph: (selector: string) => void;
}

function useSlow<T>(value: T, ms: number): T {
  const [slow, setSlow] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return slow;
}

export default function MetricsDialog(props: MetricsDialogProps) {
  useLanguage();
  const [search, setSearch] = useState('');
  const [type, setType] = useState('');
  const [metric, setMetric] = useState('');
  const asked = useSlow(search, 200);
  const names = useServerData<string[]>(
    'label/__name__/values',
    asked.trim()
      ? { limit: namesMax, 'match[]': `{__name__=~${quote(`(?i)${namePattern(asked)}`)}}` }
      : { limit: namesMax },
  );
  const metadata = useServerData<Record<string, MetricMetadata[]>>('metadata', {
    limit_per_metric: 1,
    limit: 20_000,
  });
  const known = metadata.data;
  const about = (name: string) =>
    known?.[name]?.[0] ?? known?.[name.replace(/_(bucket|count|sum|total)$/, '')]?.[0];
  const types = useMemo(
    () => [...new Set(Object.values(known ?? {}).flatMap((m) => m[0]?.type ?? []))].sort(),
    [known],
  );
  return (
    <Dialog title={t('metrics.title')} onClose={props.onClose} className="dialog-wide">
      {metric ? (
        <Metric {...props} name={metric} about={about(metric)} onBack={() => setMetric('')} />
      ) : (
        <>
          <div className="filter-bar">
            <SearchField label={t('metrics.search')} value={search} onInput={setSearch} />
            <Select
              label={t('metrics.type')}
              value={type}
              options={[
                { value: '', label: t('metrics.allTypes') },
                ...types.map((v) => ({ value: v, label: v })),
              ]}
              onChange={setType}
            />
          </div>
          <Loaded from={names} rows={10} label={t('metrics.title')}>
            {(list) => {
              const shown = list.filter((name) => !type || about(name)?.type === type);
              return shown.length === 0 ? (
                <Empty title={t('metrics.none')} />
              ) : (
                <ul className="metrics" tabIndex={0}>
                  {shown.map((name) => (
                    <li key={name}>
                      <button type="button" className="metric" onClick={() => setMetric(name)}>
                        <code>{name}</code>
                        <span className="metric-type">{about(name)?.type}</span>
                        <span className="muted">{about(name)?.help}</span>
                      </button>
                    </li>
                  ))}
                  {list.length >= namesMax && (
                    <li className="muted">{t('metrics.more', { count: namesMax })}</li>
                  )}
                </ul>
              );
            }}
          </Loaded>
        </>
      )}
    </Dialog>
  );
}

function Metric(
  props: MetricsDialogProps & { name: string; about: MetricMetadata | undefined; onBack: () => void },
) {
  const { name, about } = props;
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const [label, setLabel] = useState('');
  const selector = seriesText({ __name__: name, ...chosen });
  const count = useServerData<QueryData>('query', { query: `count(${selector})` }, { form: true });
  const labels = useServerData<string[]>('labels', { 'match[]': seriesText({ __name__: name }) });
  const first = count.data?.resultType === 'vector' ? count.data.result[0]?.value?.[1] : undefined;
  return (
    <div className="metric-detail">
      <p>
        <Button kind="ghost" icon="left" onClick={props.onBack}>
          {t('metrics.back')}
        </Button>
      </p>
      <p className="metric-help">
        <span className="metric-type">{about?.type}</span> {about?.help ?? ''}
      </p>
      <div className="metric-selector">
        <code>{selector}</code>
        <span className="muted" role="status">
          {count.data && t('query.series', { count: Number(first ?? 0) })}
        </span>
      </div>
      <div className="metric-actions">
        <Button kind="primary" onClick={() => props.onInsert(selector)}>
          {t('metrics.insert')}
        </Button>
        <Button onClick={() => props.onGraph(about?.type === 'counter' ? `rate(${selector}[5m])` : selector)}>
          {t(about?.type === 'counter' ? 'metrics.graphRate' : 'metrics.graph')}
        </Button>
        <Button kind="ghost" onClick={() => void copyText(selector)}>
          {t('config.copy')}
        </Button>
      </div>
      <Loaded from={labels} rows={4} label={t('tsdb.labels')}>
        {(list) => (
          <ul className="metric-labels">
            {list
              .filter((n) => n !== '__name__')
              .map((n) => (
                <li key={n}>
                  <button
                    type="button"
                    className="metric"
                    aria-expanded={label === n}
                    onClick={() => setLabel(label === n ? '' : n)}
                  >
                    <code>{chosen[n] === undefined ? n : labelPair(n, chosen[n])}</code>
                  </button>
                  {label === n && (
                    <Values
                      label={n}
                      // The label itself stays free: one wants to choose another value.
                      selector={seriesText({ __name__: name, ...without(chosen, n) })}
                      chosen={chosen[n]}
                      onChoose={(value) =>
                        setChosen(value === undefined ? without(chosen, n) : { ...chosen, [n]: value })
                      }
                    />
                  )}
                </li>
              ))}
          </ul>
        )}
      </Loaded>
    </div>
  );
}

function without(labels: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([n]) => n !== name));
}

function Values(props: {
  label: string;
  selector: string;
  chosen: string | undefined;
  onChoose: (value: string | undefined) => void;
}) {
  const values = useServerData<string[]>(`label/${encodeURIComponent(props.label)}/values`, {
    'match[]': props.selector,
    limit: valuesMax,
  });
  return (
    <Loaded from={values} rows={2} plain>
      {(list) => (
        <div className="metric-values">
          {list.map((value) => (
            <button
              key={value}
              type="button"
              className="chip"
              aria-pressed={value === props.chosen}
              onClick={() => props.onChoose(value === props.chosen ? undefined : value)}
            >
              <code>{value}</code>
            </button>
          ))}
          {list.length >= valuesMax && (
            <span className="muted">{t('metrics.moreValues', { count: formatCount(valuesMax) })}</span>
          )}
        </div>
      )}
    </Loaded>
  );
}
