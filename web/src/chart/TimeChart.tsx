// Lines over time. uPlot draws axes and up to a few hundred lines; above that one density image takes the
// lines' place. Hover, zoom and keyboard are the same in both.
import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import { formatCount, t, useLanguage } from '../app/i18n';
import { useSettings, useTheme } from '../app/settings';
import { seriesText } from '../frame/labels';
import { showDateTime } from '../time/zone';
import { formatExact, formatShort } from '../units/format';
import { formatUnit, formatUnitExact, unitIncrements, unitTicks, type Unit } from '../units/unit';
import { chartColors, type ChartColors } from './colors';
import { ExemplarText } from './ExemplarList';
import type { Exemplar } from './exemplars';
import { DensityLayer } from './density-layer';
import {
  columns,
  extent,
  lonePoints,
  padRange,
  withLimits,
  rowsAt,
  times,
  type ChartData,
  type DisplayMode,
  type LineStyle,
  type Line,
  type TooltipRow,
} from './model';
import { timeTicks } from './time-axis';

const tooltipRowsMax = 30;

export interface TimeChartProps {
  data: ChartData;
  // Lines switched off in the legend.
  hidden: ReadonlySet<number>;
  highlight: number | null;
  mode: DisplayMode;
  density: boolean;
  yZero: boolean;
  yLog: boolean;
  yMin: number | null;
  yMax: number | null;
  unit: Unit;
  style: LineStyle;
  // Gaps no longer than this are drawn over.
  connectMs: number;
  height: number;
  name: string;
  exemplars?: readonly Exemplar[];
  // How the lines of the earlier range are called.
  earlierName: string;
  onZoom: (fromMs: number, toMs: number) => void;
  onZoomBack: () => void;
  // The range is to move that much later (earlier when negative).
  onPan: (byMs: number) => void;
  onShowTable?: () => void;
  // Hands out a way to read the drawn picture, for PNG export.
  canvasRef?: { current: HTMLCanvasElement | null };
}

interface Hover {
  index: number;
  left: number;
  rows: TooltipRow[];
  nearest: Line | null;
  exemplar: Exemplar | null;
}

function drawLine(
  plot: uPlot,
  overlay: HTMLCanvasElement,
  line: Line | null,
  column: readonly (number | null)[] | null,
  colors: ChartColors,
) {
  const ratio = devicePixelRatio;
  const width = plot.over.clientWidth;
  const height = plot.over.clientHeight;
  if (overlay.width !== Math.round(width * ratio) || overlay.height !== Math.round(height * ratio)) {
    overlay.width = Math.round(width * ratio);
    overlay.height = Math.round(height * ratio);
  }
  overlay.style.left = plot.over.style.left;
  overlay.style.top = plot.over.style.top;
  overlay.style.width = `${width}px`;
  overlay.style.height = `${height}px`;
  const ctx = overlay.getContext('2d');
  if (!ctx) return;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  if (!line || !column) return;
  ctx.beginPath();
  let open = false;
  const xs = plot.data[0];
  for (let i = 0; i < column.length; i++) {
    const v = column[i];
    if (v == null) {
      open = false;
      continue;
    }
    const x = plot.valToPos(xs[i] as number, 'x');
    const y = plot.valToPos(v, plot.scales[scaleOf(line)] ? scaleOf(line) : 'y');
    if (open) ctx.lineTo(x, y);
    else ctx.moveTo(x, y);
    open = true;
  }
  ctx.lineJoin = 'round';
  // A casing in the panel's colour lifts the line off the crowd.
  ctx.strokeStyle = colors.surface;
  ctx.lineWidth = 5;
  ctx.stroke();
  ctx.strokeStyle = colors.palette[line.look.color] as string;
  ctx.lineWidth = 2.5;
  ctx.stroke();
}

const noExemplars: readonly Exemplar[] = [];

function scaleOf(line: Line): string {
  return line.right ? 'y2' : 'y';
}

// A hairline at now, where the range goes on beyond it.
function drawNow(u: uPlot, colors: ChartColors): void {
  const { ctx, bbox } = u;
  const x = u.valToPos(Date.now() / 1000, 'x', true);
  if (x <= bbox.left || x >= bbox.left + bbox.width - 1) return;
  ctx.save();
  ctx.strokeStyle = colors.muted;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

// A diamond for each exemplar, at its value or, beyond the axis, at the edge.
function drawExemplars(u: uPlot, exemplars: readonly Exemplar[], colors: ChartColors): void {
  const size = 4 * devicePixelRatio;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.fillStyle = colors.ember;
  ctx.strokeStyle = colors.surface;
  ctx.lineWidth = devicePixelRatio;
  for (const exemplar of exemplars) {
    const x = u.valToPos(exemplar.timeMs / 1000, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const y = Math.max(bbox.top, Math.min(bbox.top + bbox.height, u.valToPos(exemplar.value, 'y', true)));
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

// The exemplar within reach of the pointer.
function exemplarAt(u: uPlot, exemplars: readonly Exemplar[], left: number, top: number): Exemplar | null {
  const height = u.over.clientHeight;
  let best = 9;
  let found: Exemplar | null = null;
  for (const exemplar of exemplars) {
    const x = u.valToPos(exemplar.timeMs / 1000, 'x');
    const y = Math.max(0, Math.min(height, u.valToPos(exemplar.value, 'y')));
    const distance = Math.hypot(x - left, y - top);
    if (distance < best) {
      best = distance;
      found = exemplar;
    }
  }
  return found;
}

export function TimeChart(props: TimeChartProps) {
  useLanguage();
  const {
    data,
    hidden,
    mode,
    density,
    yZero,
    yLog,
    yMin,
    yMax,
    unit,
    connectMs,
    height,
    onZoom,
    onZoomBack,
  } = props;
  // Stacked areas are areas whatever the style.
  const style = mode === 'lines' ? props.style : 'line';
  const exemplars = props.exemplars ?? noExemplars;
  const zone = useSettings((s) => s.zone);
  const clock = useSettings((s) => s.clock);
  const tooltip = useSettings((s) => s.tooltip);
  const theme = useTheme((s) => s.theme);
  const box = useRef<HTMLDivElement>(null);
  const host = useRef<HTMLDivElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [hover, setHover] = useState<Hover | null>(null);
  const [pinned, setPinned] = useState(false);
  const [ySpan, setYSpan] = useState<[number, number] | null>(null);
  const [colors, setColors] = useState<ChartColors | null>(null);
  const [focusText, setFocusText] = useState('');
  const id = useId();

  const visible = useMemo(() => data.lines.filter((l) => !hidden.has(l.index)), [data, hidden]);
  const drawn = useMemo(
    () => (density ? [] : columns(visible, data.points, mode, yLog)),
    [visible, data.points, mode, yLog, density],
  );
  const { onPan } = props;
  const latest = useRef({ visible, drawn, pinned, onZoom, onZoomBack, onPan, colors });
  latest.current = { visible, drawn, pinned, onZoom, onZoomBack, onPan, colors };

  useLayoutEffect(() => {
    if (box.current) setColors(chartColors(box.current));
  }, [theme]);
  useEffect(() => {
    setYSpan(null);
    setPinned(false);
    setHover(null);
  }, [data]);

  const columnOf = useCallback((line: Line): readonly (number | null)[] => {
    const at = latest.current.visible.indexOf(line);
    return latest.current.drawn[at] ?? Array.from(line.values, (v) => (Number.isFinite(v) ? v : null));
  }, []);

  const hoverAt = useCallback(
    (u: uPlot, index: number, left: number, top: number) => {
      const rows = rowsAt(latest.current.visible, index);
      let nearest: Line | null = null;
      let best = Infinity;
      for (const row of rows) {
        const shown = density || mode === 'lines' ? row.value : columnOf(row.line)[index];
        if (shown == null || !Number.isFinite(shown)) continue;
        const scale = scaleOf(row.line);
        const distance = Math.abs(u.valToPos(shown, u.scales[scale] ? scale : 'y') - top);
        if (distance < best) {
          best = distance;
          nearest = row.line;
        }
      }
      setHover({ index, left, rows, nearest, exemplar: exemplarAt(u, exemplars, left, top) });
    },
    [columnOf, density, mode, exemplars],
  );

  // The plot is made anew when what it draws changes; a resize only resizes it.
  useLayoutEffect(() => {
    const element = host.current;
    if (!element || !colors) return undefined;
    const xs = times(data);
    const twoAxes = mode === 'lines' && !density && visible.some((l) => l.right);
    const layer = density ? new DensityLayer(visible, data.points) : null;
    const onLeft = twoAxes && visible.some((l) => !l.right) ? visible.filter((l) => !l.right) : visible;
    const range = extent(onLeft, yLog);
    // uPlot reads whole pixels only, for the distance of lines and for dense screens.
    const axisFont = `450 12px ${getComputedStyle(element).getPropertyValue('--font-ui')}`;
    const xMin = data.startMs / 1000;
    const xMax = (data.startMs + (data.points - 1) * data.stepMs) / 1000;
    const half = data.points === 1 ? Math.max(data.stepMs / 2000, 1) : 0;

    const yRange = (_: uPlot, min: number | null, max: number | null, scale: string): [number, number] => {
      if (ySpan && scale === 'y') return ySpan;
      const low = density ? (range?.[0] ?? 0) : (min ?? 0);
      const high = density ? (range?.[1] ?? 1) : (max ?? 1);
      const limited = (fitting: [number, number]) =>
        scale === 'y' ? withLimits(fitting, yMin, yMax) : fitting;
      if (mode === 'percent') return limited([Math.min(0, low), 100]);
      if (yLog) {
        const decades: [number, number] = [
          10 ** Math.floor(Math.log10(low > 0 ? low : 1)),
          10 ** Math.ceil(Math.log10(high > low ? high : low * 10 || 10)),
        ];
        const [from, to] = limited(decades);
        return from > 0 ? [from, to] : decades;
      }
      return limited(padRange(low, high, yZero || mode === 'stacked'));
    };

    const shownSplits = (_: uPlot, splits: number[]) =>
      yLog ? splits.map((v) => (wholeDecade(v) ? v : null)) : splits;

    const options: uPlot.Options = {
      width: element.clientWidth || 600,
      height,
      tzDate: (seconds) => {
        const date = new Date(seconds * 1000);
        // A Date whose local fields read as the zone's civil time: what uPlot aligns its ticks to.
        return zone === 'browser' ? date : uPlot.tzDate(date, zone === 'UTC' ? 'Etc/UTC' : zone);
      },
      legend: { show: false },
      padding: [10, 14, 0, 0],
      scales: {
        x: { time: true, range: [xMin - half, xMax + half] },
        y: { distr: yLog ? 3 : 1, range: yRange },
        ...(twoAxes ? { y2: { distr: yLog ? 3 : 1, range: yRange } } : {}),
      },
      axes: [
        {
          stroke: colors.muted,
          font: axisFont,
          size: 44,
          gap: 5,
          lineGap: 1.25,
          space: 74,
          grid: { stroke: colors.line, width: 1 },
          ticks: { stroke: colors.line, width: 1, size: 4 },
          values: (_u, splits, _axis, _space, incr) => timeTicks(splits, incr, zone),
        },
        {
          stroke: colors.muted,
          font: axisFont,
          gap: 6,
          space: 34,
          size: (_u, values) => axisWidth(values),
          ...(mode !== 'percent' && !yLog && unitIncrements(unit) ? { incrs: unitIncrements(unit) } : {}),
          grid: {
            stroke: colors.line,
            width: 1,
            filter: shownSplits,
          },
          ticks: { show: false },
          filter: shownSplits,
          values: (_u, splits) =>
            yLog
              ? logTicks(splits, unit)
              : mode === 'percent'
                ? unitTicks(splits, 'percent')
                : unitTicks(splits, unit),
        },
        ...(twoAxes
          ? [
              {
                scale: 'y2',
                side: 1 as const,
                stroke: colors.muted,
                font: axisFont,
                gap: 6,
                space: 34,
                size: (_u: uPlot, values: (string | null)[] | null) => axisWidth(values),
                grid: { show: false },
                ticks: { show: false },
                filter: shownSplits,
                values: (_u: uPlot, splits: number[]) =>
                  yLog ? logTicks(splits, unit) : unitTicks(splits, unit),
              },
            ]
          : []),
      ],
      series: [
        {},
        ...(density
          ? [{ show: false }]
          : visible.map((line, i): uPlot.Series => {
              const color = colors.palette[line.look.color] as string;
              const lone = lonePoints(drawn[i] ?? []);
              return {
                scale: twoAxes ? scaleOf(line) : 'y',
                stroke: color,
                width: visible.length > 60 ? 1 : 1.5,
                dash: mode === 'lines' ? line.look.dash : [],
                fill: mode === 'lines' && style !== 'bars' ? undefined : `${color}4d`,
                pxAlign: 0,
                // uPlot takes an undefined member for a chosen one.
                ...(style === 'line' ? {} : { paths: pathsOf(style) }),
                gaps: (plotted, _series, _from, _to, gaps) =>
                  connectMs > 0 ? longGaps(plotted, gaps, connectMs) : gaps,
                points:
                  style === 'points'
                    ? { show: true, size: 4, fill: color, stroke: color, width: 0 }
                    : {
                        show: lone.length > 0,
                        filter: () => lone,
                        size: 4,
                        fill: color,
                        stroke: color,
                        width: 0,
                      },
              };
            })),
      ],
      bands:
        mode === 'lines' || density
          ? undefined
          : visible.slice(0, -1).map((_, i): uPlot.Band => ({ series: [i + 1, i + 2] })),
      cursor: {
        x: true,
        y: false,
        points: { show: !density && visible.length <= 40, size: 7, width: 1.5 },
        drag: { x: true, y: false, setScale: false },
        bind: {
          mousedown: (u, _target, handler) => (event: MouseEvent) => {
            // Ctrl-drag moves the range instead of choosing one.
            if (event.ctrlKey || event.metaKey) return null;
            const drag = u.cursor.drag;
            if (drag) {
              drag.x = !event.shiftKey;
              drag.y = event.shiftKey;
            }
            handler(event);
            return null;
          },
          dblclick: () => () => {
            setYSpan(null);
            latest.current.onZoomBack();
            return null;
          },
        },
      },
      hooks: {
        setCursor: [
          (u) => {
            if (latest.current.pinned) return;
            const { idx, left, top } = u.cursor;
            if (idx == null || left == null || left < 0) setHover(null);
            else hoverAt(u, idx, left, top ?? 0);
          },
        ],
        setSelect: [
          (u) => {
            const { left, top, width, height: span } = u.select;
            if (u.cursor.drag?.y && span > 4) {
              setYSpan([u.posToVal(top + span, 'y'), u.posToVal(top, 'y')]);
            } else if (width > 4) {
              latest.current.onZoom(u.posToVal(left, 'x') * 1000, u.posToVal(left + width, 'x') * 1000);
            }
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
        draw: [
          (u: uPlot) => drawNow(u, colors),
          ...(layer ? [(u: uPlot) => layer.draw(u, colors.heat, yLog)] : []),
          ...(exemplars.length > 0 ? [(u: uPlot) => drawExemplars(u, exemplars, colors)] : []),
        ],
      },
    };
    const u = new uPlot(
      options,
      [xs, ...(density ? [new Array<null>(data.points).fill(null)] : drawn)] as uPlot.AlignedData,
      element,
    );
    plot.current = u;
    if (props.canvasRef) props.canvasRef.current = u.ctx.canvas;
    const wheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const at = u.posToVal(event.clientX - u.over.getBoundingClientRect().left, 'x');
      const factor = event.deltaY > 0 ? 1.4 : 1 / 1.4;
      latest.current.onZoom((at - (at - xMin) * factor) * 1000, (at + (xMax - at) * factor) * 1000);
    };
    const click = (event: MouseEvent) => {
      if (event.detail === 1 && u.cursor.idx != null) setPinned((p) => !p);
    };
    let downX = 0;
    let panning = false;
    const down = (event: MouseEvent) => {
      downX = event.clientX;
      panning = event.button === 0 && (event.ctrlKey || event.metaKey);
    };
    const panned = (event: MouseEvent) => (panning ? event.clientX - downX : 0);
    // The picture follows the pointer; what comes in at its side is asked for when it is let go.
    const move = (event: MouseEvent) => {
      if (panning) u.ctx.canvas.style.transform = `translateX(${panned(event)}px)`;
    };
    const drop = (event: MouseEvent) => {
      const by = panned(event);
      panning = false;
      u.ctx.canvas.style.transform = '';
      if (Math.abs(by) < 3) return;
      latest.current.onPan((u.posToVal(0, 'x') - u.posToVal(by, 'x')) * 1000);
    };
    const up = (event: MouseEvent) => {
      if (Math.abs(event.clientX - downX) < 3) click(event);
    };
    u.over.addEventListener('wheel', wheel, { passive: false });
    u.over.addEventListener('mousedown', down);
    u.over.addEventListener('mouseup', up);
    // Outside of the chart, too.
    addEventListener('mousemove', move);
    addEventListener('mouseup', drop);
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== u.width)
        u.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      removeEventListener('mousemove', move);
      removeEventListener('mouseup', drop);
      layer?.close();
      u.destroy();
      plot.current = null;
      if (props.canvasRef) props.canvasRef.current = null;
    };
  }, [
    data,
    visible,
    drawn,
    colors,
    mode,
    density,
    yZero,
    yLog,
    yMin,
    yMax,
    unit,
    style,
    connectMs,
    height,
    zone,
    clock,
    ySpan,
    hoverAt,
    exemplars,
  ]);

  // The line under the pointer or named in the legend, in full colour above the rest.
  const marked = props.highlight !== null ? (data.lines[props.highlight] ?? null) : (hover?.nearest ?? null);
  useLayoutEffect(() => {
    const u = plot.current;
    if (!u || !overlay.current || !colors) return;
    const show = marked && !hidden.has(marked.index) ? marked : null;
    drawLine(u, overlay.current, show, show && columnOf(show), colors);
  }, [marked, colors, hidden, columnOf, data, drawn, ySpan, density]);

  const moveTo = (index: number) => {
    const u = plot.current;
    if (!u) return;
    const at = Math.max(0, Math.min(data.points - 1, index));
    const left = u.valToPos(u.data[0][at] as number, 'x');
    const line = hover?.nearest ?? visible[0];
    const value = line ? columnOf(line)[at] : null;
    const scale = line && u.scales[scaleOf(line)] ? scaleOf(line) : 'y';
    u.setCursor({ left, top: value == null ? 10 : u.valToPos(value, scale) });
    const exact = line?.values[at];
    const time = showDateTime(data.startMs + at * data.stepMs, zone);
    setFocusText(
      line
        ? `${time}, ${seriesText(line.labels)}: ${exact === undefined || Number.isNaN(exact) ? '–' : formatExact(exact)}`
        : time,
    );
  };
  const zoomBy = (factor: number) => {
    const from = data.startMs;
    const to = data.startMs + (data.points - 1) * data.stepMs;
    const at = hover ? from + hover.index * data.stepMs : (from + to) / 2;
    onZoom(at - (at - from) * factor, at + (to - at) * factor);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = hover?.index ?? -1;
    const actions: Record<string, () => void> = {
      ArrowRight: () => moveTo(at + (event.shiftKey ? 10 : 1)),
      ArrowLeft: () => moveTo((at < 0 ? data.points : at) - (event.shiftKey ? 10 : 1)),
      Home: () => moveTo(0),
      End: () => moveTo(data.points - 1),
      Enter: () => setPinned((p) => hover !== null && !p),
      Escape: () => {
        setPinned(false);
        plot.current?.setCursor({ left: -10, top: -10 });
        setHover(null);
      },
      '+': () => zoomBy(0.5),
      '=': () => zoomBy(0.5),
      '-': () => zoomBy(2),
      '0': () => onZoomBack(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };

  const summary = useMemo(() => summarise(data, visible, zone), [data, visible, zone]);
  return (
    <div className="chart" ref={box}>
      <div
        className="chart-plot"
        role="application"
        tabIndex={0}
        aria-label={t('chart.label', { expr: props.name })}
        aria-describedby={`${id}-summary`}
        data-lines={data.lines.length}
        onKeyDown={onKeyDown}
        style={{ height: `${height}px` }}
      >
        <div ref={host} className="chart-host" aria-hidden="true" />
        <canvas ref={overlay} className="chart-overlay" aria-hidden="true" />
        {hover && tooltip !== 'none' && (
          <Tooltip
            hover={hover}
            data={data}
            pinned={pinned}
            all={tooltip === 'all' && !density}
            plot={plot.current}
            colors={colors}
            earlierName={props.earlierName}
            unit={unit}
          />
        )}
      </div>
      <p id={`${id}-summary`} className="sr-only">
        {summary} {t('chart.keys')}
      </p>
      <p className="sr-only" aria-live="polite">
        {focusText}
      </p>
      {(ySpan ?? data.infinite > 0) && (
        <div className="chart-foot">
          {ySpan && (
            <button type="button" className="btn btn-ghost" onClick={() => setYSpan(null)}>
              {t('chart.zoomBack')}
            </button>
          )}
          {data.infinite > 0 && (
            <span className="muted">{t('query.notDrawn', { count: data.infinite })}</span>
          )}
        </div>
      )}
    </div>
  );
}

function pathsOf(style: LineStyle): uPlot.Series.PathBuilder | undefined {
  if (style === 'steps') return uPlot.paths.stepped?.({ align: 1 });
  if (style === 'bars') return uPlot.paths.bars?.({ size: [0.8, 40] });
  return style === 'points' ? () => null : undefined;
}

// Gaps are spans of canvas pixels, from the last value to the next.
function longGaps(u: uPlot, gaps: uPlot.Series.Gaps, connectMs: number): uPlot.Series.Gaps {
  const reach = Math.abs(u.valToPos(connectMs / 1000, 'x', true) - u.valToPos(0, 'x', true));
  return gaps.filter(([from, to]) => to - from > reach + 0.5);
}

function axisWidth(values: (string | null)[] | null): number {
  return 18 + 6.9 * Math.max(3, ...(values ?? []).map((v) => v?.length ?? 0));
}

function wholeDecade(value: number | null): boolean {
  return value !== null && Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;
}

function logTicks(splits: readonly (number | null)[], unit: Unit): string[] {
  return splits.map((v) => (v !== null && wholeDecade(v) ? formatUnit(v, unit) : ''));
}

function summarise(data: ChartData, visible: Line[], zone: string): string {
  const range = extent(visible, false);
  const lastLine = visible[0];
  const last = lastLine ? Array.from(lastLine.values).findLast((v) => !Number.isNaN(v)) : undefined;
  return t('chart.summary', {
    count: visible.length,
    from: showDateTime(data.startMs, zone),
    to: showDateTime(data.startMs + (data.points - 1) * data.stepMs, zone),
    min: range ? formatShort(range[0]) : '–',
    max: range ? formatShort(range[1]) : '–',
    last: last === undefined ? '–' : formatShort(last),
  });
}

function Tooltip(props: {
  hover: Hover;
  data: ChartData;
  pinned: boolean;
  all: boolean;
  plot: uPlot | null;
  colors: ChartColors | null;
  earlierName: string;
  unit: Unit;
}) {
  const { hover, data, plot, colors } = props;
  const zone = useSettings((s) => s.zone);
  const overLeft = plot?.over.offsetLeft ?? 0;
  const width = plot?.width ?? 0;
  const x = overLeft + hover.left;
  const flip = x > width * 0.6;
  const rows = props.all
    ? hover.rows.slice(0, tooltipRowsMax)
    : hover.rows.filter((r) => r.line === hover.nearest);
  const more = props.all ? hover.rows.length - rows.length : 0;
  const nearest = hover.nearest;
  const common = useMemo(() => commonKeys(data.lines), [data]);
  const style = flip ? { right: `${width - x + 14}px` } : { left: `${x + 14}px` };
  return (
    <div className="tooltip" data-pinned={props.pinned || undefined} style={style}>
      <div className="tooltip-time">
        {showDateTime(data.startMs + hover.index * data.stepMs, zone, data.stepMs < 1000)}
      </div>
      {rows.length === 0 && <div className="muted">{t('chart.noData')}</div>}
      <ul>
        {rows.map((row) => (
          <li key={row.line.index} data-nearest={row.line === nearest || undefined}>
            <span className="swatch" style={{ background: colors?.palette[row.line.look.color] }} />
            <span className="tooltip-name">
              {row.line.earlier && <em>{props.earlierName} </em>}
              {seriesText(row.line.labels, row.line === nearest ? undefined : common)}
            </span>
            <b>{formatUnitExact(row.value, props.unit)}</b>
          </li>
        ))}
      </ul>
      {hover.exemplar && (
        <div className="tooltip-exemplar">
          {showDateTime(hover.exemplar.timeMs, zone, true)} <ExemplarText exemplar={hover.exemplar} />
        </div>
      )}
      {more > 0 && <div className="muted">{t('chart.more', { count: formatCount(more) })}</div>}
      {props.pinned && <div className="muted">{t('chart.pinned')}</div>}
    </div>
  );
}

function commonKeys(lines: readonly Line[]): ReadonlySet<string> {
  const first = lines[0]?.labels;
  if (!first || lines.length < 2) return new Set();
  return new Set(Object.keys(first).filter((k) => lines.every((l) => l.labels[k] === first[k])));
}
