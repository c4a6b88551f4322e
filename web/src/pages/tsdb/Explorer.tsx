// The series of one selector: their metrics, their labels, and the values of one label.
import { useMemo } from 'react';
import { useLocation } from 'wouter';
import { useServerData } from '../../api/server-data';
import type { QueryData } from '../../api/types';
import { formatCount, t } from '../../app/i18n';
import type { UrlChange } from '../../app/url-state';
import { Loaded } from '../../ui/Loaded';
import { Button } from '../../ui/primitives';
import { Empty, ErrorBox } from '../../ui/states';
import { encodePanels, newPanel } from '../query/url';
import { CountTable, percent } from './CountTable';
import {
  countQuery,
  countsOf,
  labelCosts,
  narrowed,
  perLabelQuery,
  valuesQuery,
  type TsdbState,
} from './model';

interface Props {
  state: TsdbState;
  change: UrlChange<TsdbState>;
}

export function Explorer({ state, change }: Props) {
  const [, navigate] = useLocation();
  const total = useServerData<QueryData>('query', { query: countQuery(state.match) }, { form: true });
  const series = countsOf(total.data, '')[0]?.value ?? 0;
  if (total.error)
    return <ErrorBox error={total.error} onRetry={() => void total.refetch()} curl={total.curl} />;
  return (
    <>
      <div className="explorer-head">
        <code>{state.match}</code>
        <span role="status">{total.data && t('query.series', { count: series })}</span>
        <Button onClick={() => navigate(`/query?${encodePanels([{ ...newPanel(), exprs: [state.match] }])}`)}>
          {t('tsdb.query')}
        </Button>
      </div>
      <Loaded from={total} rows={12} plain label={t('tsdb.explorer')}>
        {() =>
          series === 0 ? (
            <Empty title={t('query.empty')} />
          ) : (
            <div className="lists">
              <Labels state={state} change={change} series={series} />
              <Values
                state={state}
                label="__name__"
                title={t('tsdb.byMetric')}
                column={t('table.name')}
                series={series}
                onSelect={(name) => change({ match: narrowed(state.match, '__name__', name), focus: '' })}
              />
              {state.focus !== '' && (
                <Values
                  state={state}
                  label={state.focus}
                  title={t('tsdb.byValue', { label: state.focus })}
                  column={state.focus}
                  series={series}
                  onSelect={(value) => change({ match: narrowed(state.match, state.focus, value) })}
                />
              )}
            </div>
          )
        }
      </Loaded>
    </>
  );
}

function Values(props: {
  state: TsdbState;
  label: string;
  title: string;
  column: string;
  series: number;
  onSelect: (value: string) => void;
}) {
  const { match, limit } = props.state;
  const answer = useServerData<QueryData>(
    'query',
    { query: valuesQuery(match, props.label, limit) },
    { form: true },
  );
  return (
    <Loaded from={answer} rows={8} plain>
      {(data) => (
        <CountTable
          title={props.title}
          column={props.column}
          counts={countsOf(data, props.label)}
          whole={props.series}
          format={formatCount}
          onSelect={props.onSelect}
        />
      )}
    </Loaded>
  );
}

const names = 30;

// Which label is worth dropping: what each costs in series.
function Labels({ state, change, series }: Props & { series: number }) {
  const { match } = state;
  const labels = useServerData<string[]>('labels', { 'match[]': match, limit: names + 1 });
  const asked = useMemo(
    () => (labels.data ?? []).filter((n) => n !== '__name__').slice(0, names),
    [labels.data],
  );
  const enabled = asked.length > 0;
  const query = (what: 'values' | 'without') => ({ query: perLabelQuery(match, asked, what) });
  const values = useServerData<QueryData>('query', query('values'), { enabled, form: true });
  const without = useServerData<QueryData>('query', query('without'), { enabled, form: true });
  const costs = useMemo(
    () => labelCosts(countsOf(values.data, 'label'), countsOf(without.data, 'label'), series),
    [values.data, without.data, series],
  );
  if (labels.data && !enabled) return null;
  return (
    <Loaded<unknown> from={enabled ? values : labels} rows={8} plain>
      {() => (
        <section className="block list" aria-label={t('tsdb.labels')}>
          <h2 className="card-title">{t('tsdb.labels')}</h2>
          <table className="plain counts">
            <thead>
              <tr>
                <th scope="col">{t('discovery.label')}</th>
                <th scope="col" className="num">
                  {t('tsdb.values')}
                </th>
                <th scope="col" className="num" title={t('tsdb.savedHint')}>
                  {t('tsdb.saved')}
                </th>
              </tr>
            </thead>
            <tbody>
              {costs.map((cost) => (
                <tr key={cost.name} data-selected={cost.name === state.focus || undefined}>
                  <th scope="row">
                    <button
                      type="button"
                      className="count-name"
                      aria-pressed={cost.name === state.focus}
                      onClick={() => change({ focus: cost.name === state.focus ? '' : cost.name })}
                    >
                      {cost.name}
                    </button>
                    <span className="heat-bar" aria-hidden="true">
                      <i style={{ width: `${(100 * cost.saved) / Math.max(1, series)}%` }} />
                    </span>
                  </th>
                  <td className="num">{formatCount(cost.values)}</td>
                  <td className="num muted">
                    {without.data === undefined
                      ? '…'
                      : `${cost.saved === 0 ? '0' : `−${formatCount(cost.saved)}`} (${percent(cost.saved, series)})`}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Loaded>
  );
}
