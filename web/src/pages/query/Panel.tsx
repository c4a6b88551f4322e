// One panel: its queries, what is asked of them, and the answer as table or graph.
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { ApiError, curlOf, request } from '../../api/client';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { useSettings } from '../../app/settings';
import { csvLong, csvTable, csvWide, tsvTable } from '../../frame/export';
import { Editor, type EditorRef } from '../../promql/Editor';
import { errorSpan } from '../../promql/error-position';
import { remember } from '../../promql/history';
import { formatDuration } from '../../time/duration';
import { spanAt } from '../../time/range';
import { showDateTime } from '../../time/zone';
import { Button, IconButton, Menu, type MenuEntry } from '../../ui/primitives';
import { download } from '../../ui/download';
import { Empty, ErrorBox, Notices, ReloadLine, Skeleton, useElapsed } from '../../ui/states';
import { copyText, toast } from '../../ui/toast';
import { isHistogram } from '../../chart/heatmap';
import { formatSeconds } from '../../units/format';
import { GraphControls, TableControls, type Change } from './Controls';
import { nextRange } from './ranges';
import { Graph, type SvgRef } from './Graph';
import { loadTable } from './later';
import { useRun, type QueryOutcome, type RunResult } from './run';
import { tableRows } from './table';
import { effectiveStepMs, tabs, withChange, type PanelOptions, type Tab } from './url';

const HistoryDialog = lazy(() => import('./History'));
const MetricsDialog = lazy(() => import('./MetricsDialog'));
const JsonView = lazy(() => import('./JsonView'));
const ResultTable = lazy(loadTable);
const Tree = lazy(() => import('./Tree'));

export function queryName(index: number): string {
  return String.fromCharCode(65 + index);
}

const suggestions = [
  'up',
  'rate(prometheus_http_requests_total[5m])',
  'sum by (job) (scrape_samples_scraped)',
  'process_resident_memory_bytes',
];

export interface PanelHandle {
  run: () => Promise<void>;
  focus: () => void;
  shift: (halves: number) => void;
  zoomOut: () => void;
}

export interface PanelProps {
  number: number;
  alone: boolean;
  options: PanelOptions;
  // Counts up when the options came from the URL (first load, back, forward) and must be run as they are.
  version: number;
  change: (next: PanelOptions, how: 'push' | 'replace') => void;
  onDuplicate: () => void;
  onRemove: () => void;
  register: (handle: PanelHandle | null) => void;
}

export function Panel({
  number,
  alone,
  options,
  version,
  change,
  onDuplicate,
  onRemove,
  register,
}: PanelProps) {
  useLanguage();
  const zone = useSettings((s) => s.zone);
  const [drafts, setDrafts] = useState(options.exprs);
  const [hiddenQueries, setHiddenQueries] = useState<ReadonlySet<number>>(new Set());
  const [historyFor, setHistoryFor] = useState<number | null>(null);
  const [metricsFor, setMetricsFor] = useState<number | null>(null);
  // Parts of expressions that are shown instead of the whole, by query.
  const [parts, setParts] = useState<Record<number, string>>({});
  const { state, run: start, cancel } = useRun(options.exprs.some((e) => e.trim() !== ''));
  const [treeTime] = useState(() => Date.now());
  const body = useRef<HTMLDivElement>(null);
  const editors = useRef<(EditorRef | null)[]>([]);
  const canvas = useRef<HTMLCanvasElement | null>(null);
  const svg: SvgRef = useRef(null);
  const zooms = useRef<Pick<PanelOptions, 'rangeMs' | 'endMs' | 'from' | 'to'>[]>([]);
  const latest = useRef({ options, drafts, parts });
  latest.current = { options, drafts, parts };

  const stepOf = useCallback((o: PanelOptions) => {
    const { startMs, endMs } = spanAt(o, Date.now(), useSettings.getState().zone);
    return effectiveStepMs(o.resolution, endMs - startMs, (body.current?.clientWidth ?? 900) - 60);
  }, []);
  const runWith = useCallback(
    (o: PanelOptions) =>
      start({
        exprs: o.exprs.map((expr, i) => latest.current.parts[i] ?? expr),
        tab: o.tab,
        span: o,
        stepMs: stepOf(o),
        exemplars: o.exemplars,
        compareMs: o.compareMs,
      }),
    [start, stepOf],
  );

  // Options that change what is asked run at once; drafts wait for Run.
  const set: Change = useCallback(
    (partial, how = 'push') => {
      const next = withChange(latest.current.options, partial, Date.now(), useSettings.getState().zone);
      change(next, how);
      const asked: (keyof PanelOptions)[] = [
        'exprs',
        'tab',
        'endMs',
        'rangeMs',
        'from',
        'to',
        'resolution',
        'exemplars',
        'compareMs',
      ];
      if (asked.some((key) => key in partial)) void runWith(next);
    },
    [change, runWith],
  );

  useEffect(() => {
    setDrafts(options.exprs);
    setParts({});
    latest.current.parts = {};
    zooms.current = [];
    void runWith(options);
  }, [version]);

  const runDrafts = useCallback(() => {
    const exprs = latest.current.drafts;
    setParts({});
    latest.current.parts = {};
    for (const expr of exprs) remember(expr);
    const changed =
      exprs.some((e, i) => e !== latest.current.options.exprs[i]) ||
      exprs.length !== latest.current.options.exprs.length;
    const next = { ...latest.current.options, exprs };
    if (changed) change(next, 'push');
    return runWith(next);
  }, [change, runWith]);

  const rangeNow = () => {
    const { startMs, endMs } = spanAt(latest.current.options, Date.now(), useSettings.getState().zone);
    return endMs - startMs;
  };
  const zoom = (fromMs: number, toMs: number) => {
    const { endMs, rangeMs, from, to } = latest.current.options;
    const range = Math.max(1000, Math.round((toMs - fromMs) / 1000) * 1000);
    zooms.current.push({ endMs, rangeMs, from, to });
    const end = Math.round(toMs / 1000) * 1000;
    set({ endMs: end >= Date.now() ? null : end, rangeMs: range });
  };
  const zoomBack = () => {
    const back = zooms.current.pop();
    if (back) set(back);
    else set({ rangeMs: nextRange(rangeNow(), 1) });
  };

  const pan = (byMs: number) => {
    const { startMs, endMs } = spanAt(latest.current.options, Date.now(), useSettings.getState().zone);
    const end = Math.round((endMs + byMs) / 1000) * 1000;
    set({ rangeMs: endMs - startMs, endMs: end >= Date.now() ? null : end });
  };

  useEffect(() => {
    register({
      run: () => runWith(latest.current.options),
      focus: () => editors.current[0]?.focus(),
      shift: (halves) => {
        const { startMs, endMs } = spanAt(latest.current.options, Date.now(), useSettings.getState().zone);
        const end = endMs + (halves * (endMs - startMs)) / 2;
        set({ endMs: end >= Date.now() ? null : Math.round(end / 1000) * 1000 });
      },
      zoomOut: () => set({ rangeMs: nextRange(rangeNow(), 1) }),
    });
    return () => register(null);
  }, [register, runWith, set]);

  const setDraft = (index: number, text: string) =>
    setDrafts((d) => d.map((old, i) => (i === index ? text : old)));
  const addQuery = () => {
    setDrafts((d) => [...d, '']);
    setTimeout(() => editors.current[latest.current.drafts.length - 1]?.focus(), 50);
  };
  const removeQuery = (index: number) => {
    const exprs = latest.current.drafts.filter((_, i) => i !== index);
    setDrafts(exprs);
    setHiddenQueries(new Set());
    set({ exprs });
  };
  const format = async (index: number) => {
    try {
      const answer = await request<string>('format_query', { query: latest.current.drafts[index] ?? '' });
      setDraft(index, answer.data);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
    }
  };

  const pick = (index: number, text: string) => {
    const { [index]: _, ...rest } = latest.current.parts;
    const next = text === '' ? rest : { ...rest, [index]: text };
    setParts(next);
    latest.current.parts = next;
    void runWith(latest.current.options);
  };

  const result = state.results[options.tab] ?? null;
  const histogram =
    result?.outcomes.some((o) => o?.frame && (isHistogram(o.frame) || o.frame.native.length > 0)) ?? false;
  const lines = result?.outcomes.some((o) => (o?.frame?.series.length ?? 0) > 0) ?? false;
  const running = state.startedAt !== null;
  const names = drafts.map((_, i) => queryName(i));
  const several = drafts.length > 1;
  const menu = (index: number): MenuEntry[] => {
    const outcome = result?.outcomes[index];
    const entries: MenuEntry[] = [
      { label: t('query.format'), onSelect: () => void format(index) },
      { label: t('query.history'), onSelect: () => setHistoryFor(index) },
      { label: t('query.metrics'), onSelect: () => setMetricsFor(index) },
      {
        label: t(options.showTree ? 'query.hideTree' : 'query.showTree'),
        onSelect: () => set({ showTree: !options.showTree }),
      },
      { label: t('query.copyExpr'), onSelect: () => void copyText(drafts[index] ?? '') },
    ];
    if (outcome)
      entries.push({
        label: t('query.copyCurl'),
        onSelect: () => void copyText(curlOf(outcome.path, outcome.params)),
      });
    if (several) entries.push({ label: t('query.removeQuery'), onSelect: () => removeQuery(index) });
    if (index === 0) {
      entries.push({ label: t('query.duplicatePanel'), onSelect: onDuplicate });
      if (!alone) entries.push({ label: t('query.removePanel'), onSelect: onRemove });
    }
    return entries;
  };

  const trees = (onPick: (index: number, text: string) => void) =>
    options.exprs.map((expr, index) =>
      expr.trim() === '' ? null : (
        <Suspense key={index} fallback={<Skeleton rows={3} />}>
          <Tree
            expr={expr}
            timeMs={result?.endMs ?? treeTime}
            only={parts[index] ?? ''}
            onPick={(text) => onPick(index, text)}
          />
        </Suspense>
      ),
    );

  return (
    <section className="panel" aria-label={t('query.panel', { n: number })}>
      <div className="queries">
        {drafts.map((draft, index) => {
          const outcome = result?.outcomes[index];
          const span = outcome?.error ? errorSpan(outcome.expr, outcome.error.message) : null;
          return (
            <div className="query-row" key={index}>
              {several && (
                <button
                  type="button"
                  className="query-letter"
                  aria-pressed={!hiddenQueries.has(index)}
                  title={t(hiddenQueries.has(index) ? 'query.show' : 'query.hide', {
                    name: queryName(index),
                  })}
                  onClick={(e) =>
                    setHiddenQueries((h) => toggled(h, index, e.ctrlKey || e.metaKey ? drafts.length : 0))
                  }
                >
                  {queryName(index)}
                </button>
              )}
              <Editor
                ref={(r) => {
                  editors.current[index] = r;
                }}
                label={t('query.expression', { name: queryName(index) })}
                value={draft}
                onChange={(text) => setDraft(index, text)}
                onRun={() => void runDrafts()}
                error={outcome && span ? { text: outcome.expr, span } : null}
              />
              <div className="query-actions">
                {index === 0 && (
                  <>
                    <IconButton icon="search" label={t('query.metrics')} onClick={() => setMetricsFor(0)} />
                    <IconButton icon="history" label={t('query.history')} onClick={() => setHistoryFor(0)} />
                  </>
                )}
                <Menu
                  icon="more"
                  label={t('query.actions', { name: queryName(index) })}
                  entries={menu(index)}
                />
                {index === 0 &&
                  (running ? (
                    <Button className="run" onClick={cancel}>
                      {t('query.cancel')}
                    </Button>
                  ) : (
                    <Button kind="primary" className="run" onClick={() => void runDrafts()}>
                      {t('query.run')}
                    </Button>
                  ))}
              </div>
            </div>
          );
        })}
        {options.showTree && options.tab !== 'explain' && trees(pick)}
        {Object.keys(parts).length > 0 && (
          <p className="part-note" role="status">
            <span className="shape shape-pending" aria-hidden="true" />
            {t('query.partShown')}
            <Button kind="ghost" onClick={() => void runDrafts()}>
              {t('query.whole')}
            </Button>
          </p>
        )}
        <div className="query-foot">
          <Button kind="ghost" icon="plus" onClick={addQuery} disabled={drafts.length >= 10}>
            {t('query.addQuery')}
          </Button>
          <span className="grow" />
          <Stats state={state.startedAt} cancelledAfterMs={state.cancelledAfterMs} result={result} />
        </div>
      </div>
      <div className="panel-bar">
        <Tabs tab={options.tab} onTab={(tab) => set({ tab })} id={`panel-${number}`} />
        <span className="grow" />
        <div className="controls">
          {options.tab === 'graph' ? (
            <GraphControls
              options={options}
              change={set}
              stepMs={result?.stepMs ?? stepOf(options)}
              histogram={histogram}
              onlyHeat={histogram && !lines}
              queryNames={names}
            />
          ) : (
            <TableControls options={options} change={set} />
          )}
          <ExportMenu result={result} canvas={canvas} svg={svg} />
        </div>
      </div>
      <div
        ref={body}
        className="panel-body"
        role="tabpanel"
        id={`panel-${number}-body`}
        aria-labelledby={`panel-${number}-${options.tab}`}
        aria-busy={running}
      >
        <ReloadLine since={state.startedAt} onCancel={cancel} />
        {result ? (
          <Result
            result={result}
            options={options}
            names={names}
            hiddenQueries={hiddenQueries}
            onRetry={() => void runWith(options)}
            onZoom={zoom}
            onZoomBack={zoomBack}
            onPan={pan}
            set={set}
            canvas={canvas}
            svg={svg}
            explanation={() =>
              trees((index, text) => {
                pick(index, text);
                set({ tab: 'table' });
              })
            }
          />
        ) : running ? (
          <Skeleton rows={6} tall={options.tab === 'graph'} />
        ) : (
          <Empty title={t('query.first')} hint={t('query.firstHint')}>
            <p className="muted">{t('query.try')}</p>
            {suggestions.map((expr) => (
              <button
                key={expr}
                type="button"
                className="chip"
                onClick={() => {
                  setDrafts([expr]);
                  remember(expr);
                  set({ exprs: [expr], tab: expr === 'up' ? 'table' : 'graph' });
                }}
              >
                <code>{expr}</code>
              </button>
            ))}
          </Empty>
        )}
        {result && options.tab === 'graph' && (
          <p className="panel-range muted">
            {showDateTime(result.startMs, zone)} – {showDateTime(result.endMs, zone)} ·{' '}
            {t('query.step', { step: formatDuration(result.stepMs) })}
          </p>
        )}
      </div>
      <Suspense>
        {metricsFor !== null && (
          <MetricsDialog
            onClose={() => setMetricsFor(null)}
            onInsert={(selector) => {
              setMetricsFor(null);
              setTimeout(() => editors.current[metricsFor]?.insert(selector), 50);
            }}
            onGraph={(expr) => {
              setMetricsFor(null);
              const exprs = latest.current.drafts.map((old, i) => (i === metricsFor ? expr : old));
              setDrafts(exprs);
              setParts({});
              latest.current.parts = {};
              remember(expr);
              set({ exprs, tab: 'graph' });
            }}
          />
        )}
        {historyFor !== null && (
          <HistoryDialog
            onClose={() => setHistoryFor(null)}
            onUse={(expr) => {
              setDraft(historyFor, expr);
              setHistoryFor(null);
              setTimeout(() => editors.current[historyFor]?.focus(), 50);
            }}
          />
        )}
      </Suspense>
    </section>
  );
}

function toggled(hidden: ReadonlySet<number>, index: number, onlyOf: number): ReadonlySet<number> {
  if (onlyOf > 0) return new Set(Array.from({ length: onlyOf }, (_, i) => i).filter((i) => i !== index));
  const next = new Set(hidden);
  if (!next.delete(index)) next.add(index);
  return next;
}

function Tabs({ tab, onTab, id }: { tab: Tab; onTab: (tab: Tab) => void; id: string }) {
  return (
    <div
      className="tabs"
      role="tablist"
      onKeyDown={(e) => {
        if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return;
        e.preventDefault();
        const by = e.key === 'ArrowLeft' ? tabs.length - 1 : 1;
        const next = tabs[(tabs.indexOf(tab) + by) % tabs.length] ?? tab;
        onTab(next);
        document.getElementById(`${id}-${next}`)?.focus();
      }}
    >
      {tabs.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`${id}-${name}`}
          aria-selected={tab === name}
          aria-controls={`${id}-body`}
          tabIndex={tab === name ? 0 : -1}
          onClick={() => name !== tab && onTab(name)}
        >
          {t(`query.tab.${name}`)}
        </button>
      ))}
    </div>
  );
}

function seriesCount(outcome: QueryOutcome): number {
  if (outcome.frame) return outcome.frame.series.length + outcome.frame.histogramSeries;
  if (!outcome.data) return 0;
  return outcome.data.resultType === 'vector' || outcome.data.resultType === 'matrix'
    ? outcome.data.result.length
    : 1;
}

function Stats({
  state,
  cancelledAfterMs,
  result,
}: {
  state: number | null;
  cancelledAfterMs: number | null;
  result: RunResult | null;
}) {
  const elapsed = useElapsed(state, 100);
  if (state !== null)
    return (
      <span className="stats muted">
        {elapsed > 300 ? t('query.running', { time: formatSeconds(Math.floor(elapsed / 100) / 10) }) : ''}
      </span>
    );
  if (cancelledAfterMs !== null)
    return (
      <span className="stats muted">
        {t('state.cancelled', { time: formatSeconds(cancelledAfterMs / 1000) })}
      </span>
    );
  if (!result) return null;
  const good = result.outcomes.filter((o): o is QueryOutcome => o !== null && o.error === null);
  if (good.length === 0) return null;
  const series = good.reduce((sum, o) => sum + seriesCount(o), 0);
  const samples = good.reduce((sum, o) => sum + (o.stats?.samples?.totalQueryableSamples ?? 0), 0);
  const warnings = new Set(good.flatMap((o) => o.warnings)).size;
  return (
    <>
      <span className="stats">
        {t('query.series', { count: series })} · {formatSeconds(result.elapsedMs / 1000)}
        {samples > 0 && ` · ${t('query.samples', { count: formatCount(samples) })}`}
        {warnings > 0 && (
          <>
            {' · '}
            <span className="shape shape-pending" aria-hidden="true" />{' '}
            {t('state.warnings', { count: warnings })}
          </>
        )}
      </span>
      <span className="sr-only" role="status">
        {t('query.resultLive', { series, time: formatSeconds(result.elapsedMs / 1000) })}
      </span>
    </>
  );
}

interface ResultProps {
  result: RunResult;
  options: PanelOptions;
  names: string[];
  hiddenQueries: ReadonlySet<number>;
  onRetry: () => void;
  onZoom: (fromMs: number, toMs: number) => void;
  onZoomBack: () => void;
  onPan: (byMs: number) => void;
  set: Change;
  canvas: { current: HTMLCanvasElement | null };
  svg: SvgRef;
  explanation: () => ReactNode;
}

function Result(props: ResultProps) {
  const { result, names } = props;
  const shown = result.outcomes.map((o, i) => (props.hiddenQueries.has(i) ? null : o));
  const errors = shown.flatMap((o, i) => (o?.error ? [{ outcome: o, name: names[i] ?? '' }] : []));
  const good = shown.filter((o): o is QueryOutcome => o !== null && o.error === null);
  const count = good.reduce((sum, o) => sum + seriesCount(o), 0);
  const drawable = count > 0 && good.some((o) => o.frame);
  return (
    <>
      {errors.map(({ outcome, name }) => (
        <ErrorBox
          key={name}
          error={outcome.error ?? new ApiError('error', '', 0)}
          title={errors.length > 1 || names.length > 1 ? name : undefined}
          onRetry={props.onRetry}
          curl={curlOf(outcome.path, outcome.params)}
        />
      ))}
      <Notices warnings={good.flatMap((o) => o.warnings)} infos={good.flatMap((o) => o.infos)} />
      {result.tab === 'explain' && good.length > 0 && props.explanation()}
      {result.tab === 'json' && (
        <Suspense fallback={<Skeleton rows={6} />}>
          <JsonView outcomes={shown} names={names} />
        </Suspense>
      )}
      {good.length > 0 && count === 0 && (result.tab === 'table' || result.tab === 'graph') && (
        <NoSeries {...props} />
      )}
      {count > 0 && result.tab === 'table' && (
        <TableOf
          outcomes={shown}
          names={names}
          groupBy={props.options.groupBy}
          onGroupBy={(groupBy) => props.set({ groupBy })}
        />
      )}
      {drawable && result.tab === 'graph' && (
        <Graph
          result={result}
          options={props.options}
          queryNames={names}
          hiddenQueries={props.hiddenQueries}
          onZoom={props.onZoom}
          onZoomBack={props.onZoomBack}
          onPan={props.onPan}
          onShowTable={() => props.set({ tab: 'table' })}
          canvasRef={props.canvas}
          svgRef={props.svg}
        />
      )}
    </>
  );
}

function TableOf(props: {
  outcomes: (QueryOutcome | null)[];
  names: string[];
  groupBy: string;
  onGroupBy: (label: string) => void;
}) {
  const { outcomes, names } = props;
  // The outcomes are a new array at every draw; what is in them changes with a run only.
  const rows = useMemo(() => tableRows(outcomes), outcomes);
  return (
    <Suspense fallback={<Skeleton rows={6} />}>
      <ResultTable rows={rows} queryNames={names} groupBy={props.groupBy} onGroupBy={props.onGroupBy} />
    </Suspense>
  );
}

function NoSeries({ result, set }: ResultProps) {
  const zone = useSettings((s) => s.zone);
  const longer = nextRange(result.endMs - result.startMs, 1);
  if (result.tab === 'table') {
    return (
      <Empty
        title={t('query.empty')}
        hint={t('query.emptyHintTable', { time: showDateTime(result.endMs, zone) })}
      >
        <Button onClick={() => set({ tab: 'graph' })}>{t('query.tab.graph')}</Button>
      </Empty>
    );
  }
  return (
    <Empty
      title={t('query.empty')}
      hint={t('query.emptyHintGraph', {
        from: showDateTime(result.startMs, zone),
        to: showDateTime(result.endMs, zone),
      })}
    >
      <Button onClick={() => set({ rangeMs: longer })}>
        {t('query.extend', { range: formatDuration(longer) })}
      </Button>
    </Empty>
  );
}

function ExportMenu({
  result,
  canvas,
  svg,
}: {
  result: RunResult | null;
  canvas: { current: HTMLCanvasElement | null };
  svg: SvgRef;
}) {
  if (!result) return <IconButton icon="download" label={t('query.export')} disabled />;
  const stamp = new Date(result.endMs).toISOString().slice(0, 19).replaceAll(':', '');
  const frames = result.outcomes.flatMap((o) => (o?.frame ? [o.frame] : []));
  const csv = (text: string) =>
    download(`query-${stamp}.csv`, new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const json = () => {
    const parts = result.outcomes.flatMap((o): BlobPart[] =>
      o?.raw ? [o.raw] : o?.data ? [JSON.stringify(o.data)] : [],
    );
    const lines = parts.flatMap((p, i): BlobPart[] => (i > 0 ? ['\n', p] : [p]));
    download(`query-${stamp}.json`, new Blob(lines, { type: 'application/json' }));
  };
  const svgFile = async () => {
    const text = await svg.current?.();
    if (text) download(`query-${stamp}.svg`, new Blob([text], { type: 'image/svg+xml' }));
    else toast(t('query.export.noSvg'));
  };
  const png = async () => {
    const text = await svg.current?.();
    if (text) {
      const { rasterise } = await import('../../chart/svg');
      download(`query-${stamp}.png`, await rasterise(text));
      return;
    }
    // A density image or a heatmap: the picture as it is.
    const source = canvas.current;
    if (!source) return;
    const copy = document.createElement('canvas');
    copy.width = source.width;
    copy.height = source.height;
    const ctx = copy.getContext('2d');
    if (!ctx) return;
    ctx.fillStyle = getComputedStyle(source).getPropertyValue('--surface').trim() || '#ffffff';
    ctx.fillRect(0, 0, copy.width, copy.height);
    ctx.drawImage(source, 0, 0);
    copy.toBlob((blob) => blob && download(`query-${stamp}.png`, blob));
  };
  const rows = () => tableRows(result.outcomes);
  const entries: MenuEntry[] =
    result.tab === 'graph'
      ? [
          { label: t('query.export.csv'), onSelect: () => csv(csvLong(frames)) },
          { label: t('query.export.csvWide'), onSelect: () => csv(csvWide(frames)) },
          { label: t('query.export.json'), onSelect: json },
          { label: t('query.export.png'), onSelect: () => void png() },
          { label: t('query.export.svg'), onSelect: () => void svgFile() },
        ]
      : [
          { label: t('query.export.csv'), onSelect: () => csv(csvTable(rows())) },
          { label: t('query.export.tsv'), onSelect: () => void copyText(tsvTable(rows())) },
          { label: t('query.export.json'), onSelect: json },
        ];
  return <Menu icon="download" label={t('query.export')} entries={entries} />;
}
