// Histograms over time, one small picture each.
import '../app/i18n/pages';
import { useLayoutEffect, useMemo, useRef, useState } from 'react';
import { formatCount, t, useLanguage } from '../app/i18n';
import { useSettings, useTheme } from '../app/settings';
import { nativeMax, type RangeFrame } from '../frame/decode';
import { seriesText } from '../frame/labels';
import { showDateTime } from '../time/zone';
import { formatShort } from '../units/format';
import { Select } from '../ui/primitives';
import { chartColors } from './colors';
import type { Heat } from '../frame/heat';
import { cellAt, heatLevel, heats, type Cell } from './heatmap';

const chartsMax = 12;

export default function HeatCharts({
  frames,
  name,
  canvasRef,
}: {
  frames: RangeFrame[];
  name: string;
  // Gets the first picture, for export.
  canvasRef: { current: HTMLCanvasElement | null };
}) {
  useLanguage();
  const all = useMemo(
    () => frames.flatMap((frame) => heats(frame).map((heat) => ({ heat, frame }))),
    [frames],
  );
  const [page, setPage] = useState(0);
  const pages = Math.ceil(all.length / chartsMax);
  const first = Math.min(page, pages - 1) * chartsMax;
  const shown = all.slice(first, first + chartsMax);
  const left = frames.reduce((sum, frame) => sum + frame.histogramSeries - frame.native.length, 0);
  return (
    <div className="heats" data-single={all.length === 1 || undefined}>
      {pages > 1 && (
        <Select
          label={t('heat.which')}
          showLabel
          value={String(page)}
          options={Array.from({ length: pages }, (_, i) => ({
            value: String(i),
            label: `${formatCount(i * chartsMax + 1)}–${formatCount(Math.min(all.length, (i + 1) * chartsMax))}`,
          }))}
          onChange={(value) => setPage(Number(value))}
        />
      )}
      {left > 0 && (
        <p className="graph-note">{t('heat.left', { count: left, shown: formatCount(nativeMax) })}</p>
      )}
      {shown.map(({ heat, frame }, i) => (
        <HeatChart
          key={seriesText(heat.labels)}
          heat={heat}
          frame={frame}
          name={name}
          tall={all.length === 1}
          canvasRef={i === 0 ? canvasRef : undefined}
        />
      ))}
    </div>
  );
}

const axisWidth = 62;
const axisHeight = 22;

function boundText(bound: number): string {
  return bound === Infinity ? '+Inf' : formatShort(bound);
}

function draw(canvas: HTMLCanvasElement, heat: Heat, frame: RangeFrame, zone: string): void {
  const ctx = canvas.getContext('2d');
  if (!ctx) return;
  const ratio = devicePixelRatio;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  const colors = chartColors(canvas);
  const plotWidth = width - axisWidth;
  const plotHeight = height - axisHeight;
  const rows = heat.bounds.length;
  for (let bucket = 0; bucket < rows; bucket++) {
    const top = Math.round(((rows - 1 - bucket) * plotHeight) / rows);
    const bottom = Math.round(((rows - bucket) * plotHeight) / rows);
    for (let point = 0; point < heat.points; point++) {
      const value = heat.cells[bucket * heat.points + point] as number;
      if (!(value > 0)) continue;
      const left = Math.round((point * plotWidth) / heat.points);
      const right = Math.round(((point + 1) * plotWidth) / heat.points);
      const level = 1 + Math.round(heatLevel(value, heat.max) * (colors.heat.length - 2));
      ctx.fillStyle = colors.heat[level] as string;
      ctx.fillRect(
        axisWidth + left,
        top,
        Math.max(1, right - left),
        Math.max(1, bottom - top - (bottom - top > 6 ? 1 : 0)),
      );
    }
  }
  ctx.fillStyle = colors.muted;
  ctx.font = `450 11.5px ${getComputedStyle(canvas).fontFamily}`;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  const everyRow = Math.max(1, Math.ceil((rows * 14) / plotHeight));
  for (let bucket = rows - 1; bucket >= 0; bucket -= everyRow) {
    ctx.fillText(
      boundText(heat.bounds[bucket] as number),
      axisWidth - 8,
      ((rows - bucket - 0.5) * plotHeight) / rows,
    );
  }
  ctx.textBaseline = 'alphabetic';
  const ticks = Math.max(1, Math.floor(plotWidth / 110));
  for (let i = 0; i <= ticks; i++) {
    const point = Math.round((i * (heat.points - 1)) / ticks);
    ctx.textAlign = i === 0 ? 'left' : i === ticks ? 'right' : 'center';
    const time = showDateTime(frame.startMs + point * frame.stepMs, zone).slice(11);
    ctx.fillText(time, axisWidth + (i * plotWidth) / ticks, height - 6);
  }
}

function HeatChart({
  heat,
  frame,
  name,
  tall,
  canvasRef,
}: {
  heat: Heat;
  frame: RangeFrame;
  name: string;
  tall: boolean;
  canvasRef: { current: HTMLCanvasElement | null } | undefined;
}) {
  const zone = useSettings((s) => s.zone);
  const clock = useSettings((s) => s.clock);
  const theme = useTheme((s) => s.theme);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [cell, setCell] = useState<Cell | null>(null);
  const title = seriesText(heat.labels);
  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const paint = () => draw(element, heat, frame, zone);
    paint();
    const observer = new ResizeObserver(paint);
    observer.observe(element);
    if (canvasRef) canvasRef.current = element;
    return () => {
      observer.disconnect();
      if (canvasRef) canvasRef.current = null;
    };
  }, [heat, frame, zone, clock, theme, canvasRef]);
  const move = (by: Partial<Cell>) =>
    setCell((old) => {
      const from = old ?? { point: heat.points - 1, bucket: 0 };
      const clamp = (n: number, max: number) => Math.max(0, Math.min(max, n));
      return {
        point: clamp(from.point + (by.point ?? 0), heat.points - 1),
        bucket: clamp(from.bucket + (by.bucket ?? 0), heat.bounds.length - 1),
      };
    });
  const value = cell ? (heat.cells[cell.bucket * heat.points + cell.point] as number) : NaN;
  const below = cell && cell.bucket > 0 ? (heat.bounds[cell.bucket - 1] as number) : heat.low;
  return (
    <figure className="heat">
      {title !== '{}' && (
        <figcaption>
          <code>{title}</code>
        </figcaption>
      )}
      <div
        className={tall ? 'heat-plot heat-tall' : 'heat-plot'}
        role="application"
        tabIndex={0}
        aria-label={t('heat.label', {
          expr: `${name} ${title}`,
          buckets: heat.bounds.length,
          from: showDateTime(frame.startMs, zone),
          to: showDateTime(frame.startMs + (frame.points - 1) * frame.stepMs, zone),
        })}
        onKeyDown={(e) => {
          const by = {
            ArrowLeft: { point: -1 },
            ArrowRight: { point: 1 },
            ArrowUp: { bucket: 1 },
            ArrowDown: { bucket: -1 },
          }[e.key];
          if (!by) return;
          e.preventDefault();
          move(by);
        }}
      >
        <canvas
          ref={canvas}
          aria-hidden="true"
          onMouseMove={(e) => {
            const box = e.currentTarget.getBoundingClientRect();
            setCell(
              cellAt(
                heat,
                e.clientX - box.left - axisWidth,
                e.clientY - box.top,
                box.width - axisWidth,
                box.height - axisHeight,
              ),
            );
          }}
          onMouseLeave={() => setCell(null)}
        />
      </div>
      <p className="heat-cell" role="status">
        {cell
          ? t('heat.cell', {
              time: showDateTime(frame.startMs + cell.point * frame.stepMs, zone),
              from: below === -Infinity ? '−∞' : boundText(below),
              to: boundText(heat.bounds[cell.bucket] as number),
              value: Number.isNaN(value) ? '–' : formatShort(value),
            })
          : t('heat.hint', { max: formatShort(heat.max) })}
      </p>
    </figure>
  );
}
