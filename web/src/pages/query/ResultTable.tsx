// The table tab: one column a label, virtual rows, sort, filter and groups.
import { useEffect, useMemo, useRef, useState } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import type { HistogramValue } from '../../api/types';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { useSettings } from '../../app/settings';
import { labelPair } from '../../frame/labels';
import { showDateTime } from '../../time/zone';
import { Icon } from '../../ui/icons';
import { Button, Check, SearchField, Select } from '../../ui/primitives';
import { Empty } from '../../ui/states';
import { formatShort } from '../../units/format';
import { groupRows, sortRows, tableColumns, type TableItem, type TableRow, type TableSort } from './table';

const samplesShown = 12;
const bucketsShown = 24;

// Width of a column in characters: its longest value among the first rows, within bounds.
function widthCh(name: string, values: string[]): number {
  let longest = name.length + 3;
  for (const value of values) if (value.length > longest) longest = value.length;
  return Math.min(Math.max(longest + 3, 9), 48);
}

interface TableProps {
  rows: TableRow[];
  queryNames: string[];
  groupBy: string;
  onGroupBy: (label: string) => void;
}

export function ResultTable({ rows, queryNames, groupBy, onGroupBy }: TableProps) {
  useLanguage();
  const zone = useSettings((s) => s.zone);
  const [search, setSearch] = useState('');
  const [differing, setDiffering] = useState(false);
  const [sort, setSort] = useState<TableSort | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const severalQueries = useMemo(() => new Set(rows.map((r) => r.query)).size > 1, [rows]);
  const columns = useMemo(() => tableColumns(rows, differing), [rows, differing]);
  const { common } = columns;
  const labels = useMemo(() => tableColumns(rows, false).names, [rows]);
  // A link may name a label that the answer does not have.
  const by = labels.includes(groupBy) ? groupBy : '';
  // The heading of a group says it once.
  const names = useMemo(() => columns.names.filter((n) => n !== by), [columns, by]);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => setFolded(new Set()), [by]);
  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return sortRows(wanted ? rows.filter((r) => r.text.includes(wanted)) : rows, sort);
  }, [rows, search, sort]);
  const down = sort?.by === by && sort.down;
  const items = useMemo(() => groupRows(shown, by, folded, down), [shown, by, folded, down]);
  const fold = (value: string) =>
    setFolded((old) => {
      const next = new Set(old);
      if (!next.delete(value)) next.add(value);
      return next;
    });
  const ranges = rows.some((r) => r.samples);
  const grid = useMemo(() => {
    const sample = rows.slice(0, 500);
    const widths = names.map((n) =>
      widthCh(
        n === '__name__' ? t('table.name') : n,
        sample.map((r) => r.labels[n] ?? ''),
      ),
    );
    const value = ranges
      ? 44
      : Math.min(Math.max(...sample.map((r) => (r.histogram ? 30 : r.value.length)), 8) + 2, 48);
    const all = [...(severalQueries ? [9] : []), ...widths, value + 3];
    // Every row is a grid of its own: they line up because width and shares are the same for all.
    return {
      gridTemplateColumns: all.map((w) => `minmax(0, ${w}fr)`).join(' '),
      minWidth: `${all.reduce((sum, w) => sum + w, 0)}ch`,
    };
  }, [rows, names, severalQueries, ranges]);
  const compact = useSettings((s) => s.density) === 'compact';
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (compact ? 24 : 28),
    overscan: 16,
    useFlushSync: false,
  });
  const columnCount = names.length + 1 + (severalQueries ? 1 : 0);
  const head = (by: string, label: string, numeric = false) => (
    <div
      key={by}
      role="columnheader"
      className={numeric ? 'rt-cell rt-num' : 'rt-cell'}
      aria-sort={sort?.by === by ? (sort.down ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className="rt-sort"
        title={t('table.sort', { column: label })}
        onClick={() =>
          setSort((s) =>
            s?.by !== by ? { by, down: numeric } : s.down === numeric ? { by, down: !numeric } : null,
          )
        }
      >
        {label}
        {sort?.by === by && <span aria-hidden="true">{sort.down ? ' ↓' : ' ↑'}</span>}
      </button>
    </div>
  );
  const commonText = Object.entries(common);
  return (
    <div className="rt">
      <div className="rt-bar">
        <SearchField label={t('table.filter')} value={search} onInput={setSearch} />
        {rows.length > 1 && names.length + commonText.length > 0 && (
          <Check label={t('table.differing')} checked={differing} onChange={setDiffering} />
        )}
        {labels.length > 0 && (
          <Select
            label={t('table.groupBy')}
            value={by}
            options={[
              { value: '', label: t('table.noGroups') },
              ...labels.map((n) => ({
                value: n,
                label: t('table.groupedBy', { label: n === '__name__' ? t('table.name') : n }),
              })),
            ]}
            onChange={onGroupBy}
          />
        )}
        {by !== '' && (
          <Button
            kind="ghost"
            onClick={() =>
              setFolded(folded.size > 0 ? new Set() : new Set(shown.map((r) => r.labels[by] ?? '')))
            }
          >
            {t(folded.size > 0 ? 'table.unfoldAll' : 'table.foldAll')}
          </Button>
        )}
        {commonText.length > 0 && (
          <span className="legend-common">
            <span className="muted">{t('table.common')}</span>{' '}
            {commonText.map(([k, v]) => (
              <code key={k}>{k === '__name__' ? v : labelPair(k, v)}</code>
            ))}
          </span>
        )}
        <span className="grow" />
        <span className="muted">
          {shown.length === rows.length
            ? t('query.rows', { count: rows.length })
            : t('legend.shown', { shown: formatCount(shown.length), total: formatCount(rows.length) })}
        </span>
      </div>
      <div
        ref={scroller}
        className="rt-scroll"
        role="table"
        tabIndex={0}
        aria-label={t('query.tab.table')}
        aria-rowcount={items.length + 1}
        aria-colcount={columnCount}
      >
        <div role="rowgroup" className="rt-head">
          <div role="row" className="rt-row" style={grid}>
            {severalQueries && (
              <div role="columnheader" className="rt-cell">
                {t('table.query')}
              </div>
            )}
            {names.map((n) => head(n, n === '__name__' ? t('table.name') : n))}
            {head('', t(ranges ? 'table.samples' : 'table.value'), true)}
          </div>
        </div>
        <div role="rowgroup" className="rt-body" style={{ height: `${virtual.getTotalSize()}px` }}>
          {virtual.getVirtualItems().map((item) => {
            const at = items[item.index] as TableItem;
            if (at.kind === 'group') {
              return (
                <div
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  role="row"
                  aria-rowindex={item.index + 2}
                  className="rt-group"
                  style={{ minWidth: grid.minWidth, transform: `translateY(${item.start}px)` }}
                >
                  <div role="cell" aria-colspan={columnCount}>
                    <button type="button" aria-expanded={!at.folded} onClick={() => fold(at.value)}>
                      <Icon name={at.folded ? 'right' : 'down'} />
                      <b>{by === '__name__' ? at.value || '–' : labelPair(by, at.value)}</b>
                      <span className="muted">{t('query.rows', { count: at.count })}</span>
                    </button>
                  </div>
                </div>
              );
            }
            const { row } = at;
            return (
              <div
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                role="row"
                aria-rowindex={item.index + 2}
                className="rt-row"
                style={{ ...grid, transform: `translateY(${item.start}px)` }}
              >
                {severalQueries && (
                  <div role="cell" className="rt-cell">
                    {queryNames[row.query]}
                  </div>
                )}
                {names.map((n) => (
                  <div
                    key={n}
                    role="cell"
                    className={n === '__name__' ? 'rt-cell rt-metric' : 'rt-cell'}
                    title={row.labels[n]}
                  >
                    {row.labels[n] ?? ''}
                  </div>
                ))}
                <div role="cell" className="rt-cell rt-num" title={showDateTime(row.timeMs, zone, true)}>
                  {row.samples ? (
                    <Samples row={row} />
                  ) : row.histogram ? (
                    <Histogram value={row.histogram} />
                  ) : (
                    row.value
                  )}
                </div>
              </div>
            );
          })}
        </div>
      </div>
      {shown.length === 0 && <Empty title={t('table.noMatch')} />}
    </div>
  );
}

function Samples({ row }: { row: TableRow }) {
  const zone = useSettings((s) => s.zone);
  const [all, setAll] = useState(false);
  const samples = row.samples ?? [];
  const shown = all ? samples.slice(-1000) : samples.slice(-samplesShown);
  return (
    <div className="rt-samples">
      {shown.length < samples.length && (
        <button type="button" className="btn btn-ghost" onClick={() => setAll(true)} disabled={all}>
          {t('table.more', { count: formatCount(samples.length - shown.length) })}
        </button>
      )}
      {shown.map(([time, value]) => (
        <div key={time}>
          {value} <span className="muted">@ {showDateTime(time * 1000, zone, true)}</span>
        </div>
      ))}
    </div>
  );
}

// A native histogram: count and sum, and its buckets as bars when opened.
function Histogram({ value }: { value: HistogramValue }) {
  const buckets = value.buckets ?? [];
  const top = Math.max(...buckets.map((b) => Number(b[3])), 0);
  const bracket = (rule: number): [string, string] => [
    rule === 1 || rule === 3 ? '[' : '(',
    rule === 0 || rule === 3 ? ']' : ')',
  ];
  return (
    <details className="histogram">
      <summary>
        {t('table.histogram', {
          count: formatShort(Number(value.count)),
          sum: formatShort(Number(value.sum)),
        })}
        <span className="muted"> · {t('table.buckets', { count: buckets.length })}</span>
      </summary>
      <div className="histogram-buckets">
        {buckets.slice(0, bucketsShown).map(([rule, low, high, count]) => (
          <div key={`${low} ${high}`} className="histogram-row">
            <span>
              {bracket(rule)[0]}
              {formatShort(Number(low))}, {formatShort(Number(high))}
              {bracket(rule)[1]}
            </span>
            <span className="bar" aria-hidden="true">
              <i style={{ width: `${top > 0 ? (100 * Number(count)) / top : 0}%` }} />
            </span>
            <span>{count}</span>
          </div>
        ))}
        {buckets.length > bucketsShown && (
          <div className="muted">{t('table.more', { count: buckets.length - bucketsShown })}</div>
        )}
      </div>
    </details>
  );
}
