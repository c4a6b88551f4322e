// The graph tab: chart and legend of a panel's answers.
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { ExemplarList } from '../../chart/ExemplarList';
import { useSettings } from '../../app/settings';
import { seriesText } from '../../frame/labels';
import { isHistogram } from '../../chart/heatmap';
import { chartColors } from '../../chart/colors';
import { chartData, type ChartData } from '../../chart/model';
import { TimeChart } from '../../chart/TimeChart';
import { formatDuration } from '../../time/duration';
import { Button } from '../../ui/primitives';
import { Skeleton } from '../../ui/states';
import { loadLegend } from './later';
import type { RunResult } from './run';
import type { PanelOptions } from './url';

const HeatCharts = lazy(() => import('../../chart/HeatChart'));
const Legend = lazy(loadLegend);

// More lines than this are drawn as one density image.
const linesMax = 400;
// Above this, drawing single lines would freeze the page: density only.
const linesHardMax = 3000;

export type SvgRef = { current: (() => Promise<string>) | null };

export interface GraphProps {
  result: RunResult;
  options: PanelOptions;
  queryNames: string[];
  hiddenQueries: ReadonlySet<number>;
  onZoom: (fromMs: number, toMs: number) => void;
  onZoomBack: () => void;
  onPan: (byMs: number) => void;
  onShowTable: () => void;
  canvasRef: { current: HTMLCanvasElement | null };
  // Hands out how to write the chart as SVG; null where it is not made of lines.
  svgRef: SvgRef;
}

export function Graph(props: GraphProps) {
  useLanguage();
  const { result, options, hiddenQueries } = props;
  const zone = useSettings((s) => s.zone);
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const [highlight, setHighlight] = useState<number | null>(null);
  const [asLines, setAsLines] = useState(false);
  const data = useMemo(
    () =>
      chartData(
        result.outcomes.map((o, q) => (hiddenQueries.has(q) ? null : (o?.frame ?? null))),
        result.outcomes.map((o, q) => (hiddenQueries.has(q) ? null : (o?.earlier ?? null))),
        options.rightAxis,
      ),
    [result, hiddenQueries, options.rightAxis],
  );
  // What is hidden goes by position, so it holds only while the list of series is the same.
  const identity = useMemo(() => data?.lines.map((l) => JSON.stringify(l.labels)).join('\n') ?? '', [data]);
  useEffect(() => setHidden(new Set()), [identity]);
  const histograms = useMemo(
    () =>
      result.outcomes
        .flatMap((o, q) => (o?.frame && !hiddenQueries.has(q) ? [o.frame] : []))
        .filter((frame) => isHistogram(frame) || frame.native.length > 0),
    [result, hiddenQueries],
  );
  const exemplars = useMemo(
    () => result.outcomes.flatMap((o, q) => (hiddenQueries.has(q) ? [] : (o?.exemplars ?? []))),
    [result, hiddenQueries],
  );
  const name = options.exprs.filter(Boolean).join(', ');
  const earlierName = t('chart.earlier', { range: formatDuration(options.compareMs) });
  // Without buckets there are no cells: lines say more than an empty picture.
  const mode = options.mode === 'heatmap' ? 'lines' : options.mode;
  const count = data?.lines.length ?? 0;
  const many = count > linesMax;
  const density = many && mode === 'lines' && !(asLines && count <= linesHardMax);
  const box = useRef<HTMLDivElement>(null);
  const svgOf = async (chart: ChartData) => {
    const { chartSvg } = await import('../../chart/svg');
    return chartSvg({
      data: chart,
      lines: chart.lines.filter((l) => !hidden.has(l.index)),
      mode,
      style: options.style,
      connectMs: options.connectMs,
      yZero: options.yZero,
      yLog: options.yLog,
      yMin: options.yMin,
      yMax: options.yMax,
      unit: options.unit,
      title: name,
      zone,
      colors: chartColors(box.current ?? document.documentElement),
      legend: (line) =>
        [
          chart.lines.some((l) => l.query !== line.query) ? (props.queryNames[line.query] ?? '') : '',
          line.earlier ? earlierName : '',
          seriesText(line.labels),
        ]
          .filter(Boolean)
          .join('  '),
      more: (left) => t('chart.more', { count: formatCount(left) }),
    });
  };
  useEffect(() => {
    props.svgRef.current = data && count > 0 && !density && box.current ? () => svgOf(data) : null;
    return () => {
      props.svgRef.current = null;
    };
  });
  if (!data) return null;
  const natives = histograms.reduce((sum, frame) => sum + frame.histogramSeries, 0);
  // Native histograms alone have no lines; drawn as cells whatever the mode.
  if ((options.mode === 'heatmap' || data.lines.length === 0) && histograms.length > 0) {
    return (
      <Suspense fallback={<Skeleton tall />}>
        <HeatCharts frames={histograms} name={name} canvasRef={props.canvasRef} />
      </Suspense>
    );
  }
  return (
    <div className="graph" ref={box}>
      {options.mode === 'heatmap' && <p className="graph-note">{t('query.noBuckets')}</p>}
      {natives > 0 && mode === 'lines' && (
        <p className="graph-note">{t('chart.alsoHistograms', { count: natives })}</p>
      )}
      {many && mode === 'lines' && (
        <p className="graph-note">
          <span>
            {density
              ? t('chart.densityOn', { count: formatCount(data.lines.length) })
              : t('query.series', { count: data.lines.length })}
          </span>
          {data.lines.length <= linesHardMax && (
            <Button kind="ghost" onClick={() => setAsLines(!asLines)}>
              {t(density ? 'chart.densityOff' : 'chart.densityBack')}
            </Button>
          )}
        </p>
      )}
      <TimeChart
        data={data}
        hidden={hidden}
        highlight={highlight}
        mode={mode}
        density={density}
        yZero={options.yZero}
        yLog={options.yLog}
        yMin={options.yMin}
        yMax={options.yMax}
        unit={options.unit}
        style={options.style}
        connectMs={options.connectMs}
        height={340}
        name={name}
        exemplars={exemplars}
        earlierName={earlierName}
        onZoom={props.onZoom}
        onZoomBack={props.onZoomBack}
        onPan={props.onPan}
        canvasRef={props.canvasRef}
      />
      <Suspense fallback={<div className="legend-wait" />}>
        <Legend
          data={data}
          queryNames={props.queryNames}
          unit={options.unit}
          earlierName={earlierName}
          hidden={hidden}
          onHidden={setHidden}
          onHighlight={setHighlight}
          density={density}
        />
      </Suspense>
      {options.exemplars && <ExemplarList exemplars={exemplars} />}
    </div>
  );
}
