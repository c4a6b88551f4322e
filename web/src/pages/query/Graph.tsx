// The graph tab: chart and legend of a panel's answers.
import { useEffect, useMemo, useState } from 'react';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { Legend } from '../../chart/Legend';
import { chartData } from '../../chart/model';
import { TimeChart } from '../../chart/TimeChart';
import { Button } from '../../ui/primitives';
import type { RunResult } from './run';
import type { PanelOptions } from './url';

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
  if (!data) return null;
  const many = data.lines.length > linesMax;
  const density = many && options.mode === 'lines' && !(asLines && data.lines.length <= linesHardMax);
  return (
    <div className="graph">
      {many && options.mode === 'lines' && (
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
        mode={options.mode}
        density={density}
        yZero={options.yZero}
        yLog={options.yLog}
        points={false}
        height={340}
        name={options.exprs.filter(Boolean).join(', ')}
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
