// The graph tab: chart and legend of a panel's answers.
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { Legend } from '../../chart/Legend';
import { isHistogram } from '../../chart/heatmap';
import { chartData } from '../../chart/model';
import { TimeChart } from '../../chart/TimeChart';
import { Button } from '../../ui/primitives';
import { Skeleton } from '../../ui/states';
import type { RunResult } from './run';
import type { PanelOptions } from './url';

const HeatCharts = lazy(() => import('../../chart/HeatChart'));

// More lines than this are drawn as one density image.
const linesMax = 400;
// Above this, drawing single lines would freeze the page: density only.
const linesHardMax = 3000;

export interface GraphProps {
  result: RunResult;
  options: PanelOptions;
  queryNames: string[];
  hiddenQueries: ReadonlySet<number>;
  onZoom: (fromMs: number, toMs: number) => void;
  onZoomBack: () => void;
  onShowTable: () => void;
  canvasRef: { current: HTMLCanvasElement | null };
}

export function Graph(props: GraphProps) {
  useLanguage();
  const { result, options, hiddenQueries } = props;
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const [highlight, setHighlight] = useState<number | null>(null);
  const [asLines, setAsLines] = useState(false);
  const data = useMemo(
    () => chartData(result.outcomes.map((o, q) => (hiddenQueries.has(q) ? null : (o?.frame ?? null)))),
    [result, hiddenQueries],
  );
  // What is hidden goes by position, so it holds only while the list of series is the same.
  const identity = useMemo(() => data?.lines.map((l) => JSON.stringify(l.labels)).join('\n') ?? '', [data]);
  useEffect(() => setHidden(new Set()), [identity]);
  const histograms = useMemo(
    () =>
      result.outcomes
        .flatMap((o, q) => (o?.frame && !hiddenQueries.has(q) ? [o.frame] : []))
        .filter(isHistogram),
    [result, hiddenQueries],
  );
  if (!data) return null;
  const name = options.exprs.filter(Boolean).join(', ');
  if (options.mode === 'heatmap' && histograms.length > 0) {
    return (
      <Suspense fallback={<Skeleton tall />}>
        <HeatCharts frames={histograms} name={name} />
      </Suspense>
    );
  }
  // Without buckets there are no cells: lines say more than an empty picture.
  const mode = options.mode === 'heatmap' ? 'lines' : options.mode;
  const many = data.lines.length > linesMax;
  const density = many && mode === 'lines' && !(asLines && data.lines.length <= linesHardMax);
  return (
    <div className="graph">
      {options.mode === 'heatmap' && <p className="graph-note">{t('query.noBuckets')}</p>}
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
        points={false}
        height={340}
        name={name}
        onZoom={props.onZoom}
        onZoomBack={props.onZoomBack}
        canvasRef={props.canvasRef}
      />
      <Legend
        data={data}
        queryNames={props.queryNames}
        hidden={hidden}
        onHidden={setHidden}
        onHighlight={setHighlight}
        density={density}
      />
    </div>
  );
}
