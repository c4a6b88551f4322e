// The exemplars of a chart as text: what the dots say, for the keyboard and for following a trace.
import { formatCount, t, useLanguage } from '../app/i18n';
import { useSettings } from '../app/settings';
import { labelPair, seriesText } from '../frame/labels';
import { showDateTime } from '../time/zone';
import { formatExact } from '../units/format';
import { traceUrl, type Exemplar } from './exemplars';

const rowsMax = 100;

export function ExemplarText({ exemplar }: { exemplar: Exemplar }) {
  const template = useSettings((s) => s.traceLink);
  const url = traceUrl(template, exemplar.labels);
  return (
    <>
      <b>{formatExact(exemplar.value)}</b>{' '}
      {Object.entries(exemplar.labels).map(([name, value]) => (
        <code key={name}>{labelPair(name, value)} </code>
      ))}
      {url && (
        <a href={url} target="_blank" rel="noopener noreferrer">
          {t('exemplar.trace')}
        </a>
      )}
    </>
  );
}

export function ExemplarList({ exemplars }: { exemplars: readonly Exemplar[] }) {
  useLanguage();
  const zone = useSettings((s) => s.zone);
  if (exemplars.length === 0) return <p className="graph-note muted">{t('exemplar.none')}</p>;
  const shown = exemplars.slice(-rowsMax).reverse();
  return (
    <details className="exemplars">
      <summary>{t('exemplar.count', { count: exemplars.length })}</summary>
      <ul>
        {shown.map((e, i) => (
          <li key={`${e.timeMs} ${i}`}>
            <span className="muted">{showDateTime(e.timeMs, zone, true)}</span>
            <span>
              <ExemplarText exemplar={e} />
            </span>
            <code className="muted">{seriesText(e.series)}</code>
          </li>
        ))}
        {exemplars.length > rowsMax && (
          <li className="muted">{t('chart.more', { count: formatCount(exemplars.length - rowsMax) })}</li>
        )}
      </ul>
    </details>
  );
}
