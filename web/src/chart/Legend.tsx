// The legend: a sortable table of series with their last, mean, min and max. Long ones are virtual; above
// 400 series it lists the 50 highest.
import { useMemo, useRef, useState } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { formatCount, t, useLanguage } from '../app/i18n';
import { calcNames, calcs, type CalcName, type Calcs } from '../frame/calcs';
import { commonLabels, labelPair, seriesText } from '../frame/labels';
import { SearchField } from '../ui/primitives';
import { formatUnit, type Unit } from '../units/unit';
import type { ChartData, Line } from './model';

const topShown = 50;

export interface LegendProps {
  data: ChartData;
  queryNames: string[];
  unit: Unit;
  earlierName: string;
  hidden: ReadonlySet<number>;
  onHidden: (hidden: ReadonlySet<number>) => void;
  onHighlight: (index: number | null) => void;
  density: boolean;
}

interface Row {
  line: Line;
  calcs: Calcs;
  text: string;
}

type Sort = { by: CalcName | 'name'; down: boolean };

function compare(a: Row, b: Row, sort: Sort): number {
  const sign = sort.down ? -1 : 1;
  if (sort.by === 'name') return sign * (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);
  const x = a.calcs[sort.by];
  const y = b.calcs[sort.by];
  // NaN goes last whatever the direction.
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return sign * (x - y) || a.line.index - b.line.index;
}

export function Legend({
  data,
  queryNames,
  unit,
  earlierName,
  hidden,
  onHidden,
  onHighlight,
  density,
}: LegendProps) {
  useLanguage();
  const [sort, setSort] = useState<Sort>({ by: 'max', down: true });
  const [search, setSearch] = useState('');
  const scroller = useRef<HTMLDivElement>(null);
  const common = useMemo(() => commonLabels(data.lines.map((l) => l.labels)), [data]);
  const rows = useMemo(() => {
    const omit = new Set(Object.keys(common));
    const severalQueries = new Set(data.lines.map((l) => l.query)).size > 1;
    return data.lines.map((line): Row => {
      const text = `${line.earlier ? `${earlierName}  ` : ''}${seriesText(line.labels, omit)}`;
      return {
        line,
        calcs: calcs(line.values),
        text: severalQueries ? `${queryNames[line.query] ?? ''}  ${text}` : text,
      };
    });
  }, [data, common, queryNames, earlierName]);
  const { shown, matching } = useMemo(() => {
    const wanted = search.toLowerCase();
    const found = rows
      .filter((r) => r.text.toLowerCase().includes(wanted))
      .sort((a, b) => compare(a, b, sort));
    return { shown: density ? found.slice(0, topShown) : found, matching: found.length };
  }, [rows, search, sort, density]);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 24,
    overscan: 12,
  });

  const toggle = (line: Line) => {
    const next = new Set(hidden);
    if (!next.delete(line.index)) next.add(line.index);
    onHidden(next);
  };
  const only = (line: Line) => {
    const alone = hidden.size === data.lines.length - 1 && !hidden.has(line.index);
    onHidden(alone ? new Set() : new Set(data.lines.filter((l) => l !== line).map((l) => l.index)));
  };
  const head = (by: Sort['by'], label: string) => (
    <span
      key={by}
      role="columnheader"
      className={by === 'name' ? 'legend-name' : 'legend-num'}
      aria-sort={sort.by === by ? (sort.down ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className="legend-sort"
        onClick={() => setSort((s) => ({ by, down: s.by === by ? !s.down : by !== 'name' }))}
      >
        {label}
        {sort.by === by && <span aria-hidden="true">{sort.down ? ' ↓' : ' ↑'}</span>}
      </button>
    </span>
  );
  const commonText = Object.entries(common);
  return (
    <div className="legend">
      <div className="legend-bar">
        {commonText.length > 0 && (
          <span className="legend-common">
            <span className="muted">{t('legend.common')}</span>{' '}
            {commonText.map(([k, v]) => (
              <code key={k}>{k === '__name__' ? v : labelPair(k, v)}</code>
            ))}
          </span>
        )}
        <span className="grow" />
        {(density || shown.length < rows.length) && (
          <span className="muted">
            {density && search === ''
              ? t('legend.topOf', {
                  shown: shown.length,
                  calc: t(`legend.${sort.by === 'name' ? 'series' : sort.by}`),
                  total: formatCount(rows.length),
                })
              : t('legend.shown', {
                  shown: formatCount(Math.min(shown.length, matching)),
                  total: formatCount(rows.length),
                })}
          </span>
        )}
        {hidden.size > 0 && (
          <button type="button" className="btn btn-ghost" onClick={() => onHidden(new Set())}>
            {t('legend.all')}
          </button>
        )}
        {rows.length > 8 && <SearchField label={t('legend.search')} value={search} onInput={setSearch} />}
      </div>
      <div
        className="legend-table"
        role="table"
        aria-label={t('legend.series')}
        aria-rowcount={shown.length + 1}
      >
        <div className="legend-head legend-row" role="row">
          {head('name', t('legend.series'))}
          {calcNames.map((name) => head(name, t(`legend.${name}`)))}
        </div>
        <div
          ref={scroller}
          className="legend-body"
          role="rowgroup"
          tabIndex={shown.length > 10 ? 0 : undefined}
          title={t('legend.toggle')}
        >
          <div role="presentation" style={{ height: `${virtual.getTotalSize()}px`, position: 'relative' }}>
            {virtual.getVirtualItems().map((item) => {
              const row = shown[item.index] as Row;
              const off = hidden.has(row.line.index);
              return (
                <div
                  key={row.line.index}
                  role="row"
                  aria-rowindex={item.index + 2}
                  className="legend-row"
                  data-off={off || undefined}
                  style={{
                    transform: `translateY(${item.start}px)`,
                    position: 'absolute',
                    top: 0,
                    left: 0,
                    right: 0,
                  }}
                  onMouseEnter={() => onHighlight(row.line.index)}
                  onMouseLeave={() => onHighlight(null)}
                >
                  <span role="cell" className="legend-name">
                    <button
                      type="button"
                      className="legend-entry"
                      aria-pressed={!off}
                      title={seriesText(row.line.labels)}
                      onFocus={() => onHighlight(row.line.index)}
                      onBlur={() => onHighlight(null)}
                      onClick={(e) => (e.ctrlKey || e.metaKey ? only(row.line) : toggle(row.line))}
                      onKeyDown={(e) => {
                        if (e.key === 'Enter') {
                          e.preventDefault();
                          only(row.line);
                        }
                      }}
                    >
                      <Swatch line={row.line} />
                      <span className="legend-text">{row.text}</span>
                    </button>
                  </span>
                  {calcNames.map((name) => (
                    <span key={name} role="cell" className="legend-num">
                      {formatUnit(row.calcs[name], unit)}
                    </span>
                  ))}
                </div>
              );
            })}
          </div>
        </div>
      </div>
    </div>
  );
}

export function Swatch({ line }: { line: Line }) {
  return (
    <svg className="swatch-line" viewBox="0 0 16 8" width="16" height="8" aria-hidden="true">
      <path
        d="M0 4h16"
        stroke={`var(--series-${line.look.color + 1})`}
        strokeWidth="3"
        strokeDasharray={line.look.dash.join(' ')}
      />
    </svg>
  );
}
