// A chart of lines as an SVG document of its own: title, range, axes, lines, legend. Pure.
import { formatDateTime, showClock, showDateTime, type Zone } from '../time/zone';
import { unitTicks, type Unit } from '../units/unit';
import type { ChartColors } from './colors';
import {
  columns,
  extent,
  padRange,
  withLimits,
  type ChartData,
  type DisplayMode,
  type Line,
  type LineStyle,
} from './model';

export interface SvgOptions {
  data: ChartData;
  lines: Line[];
  mode: DisplayMode;
  style: LineStyle;
  connectMs: number;
  yZero: boolean;
  yLog: boolean;
  yMin?: number | null;
  yMax?: number | null;
  unit?: Unit;
  title: string;
  zone: Zone;
  colors: Pick<ChartColors, 'palette' | 'text' | 'muted' | 'line' | 'surface'>;
  legend: (line: Line) => string;
  // Called with how many lines the legend leaves out.
  more: (count: number) => string;
}

const width = 960;
const plotHeight = 360;
const left = 66;
const top = 52;
const legendMax = 40;
const legendRow = 18;

// Control characters are not allowed in XML at all, quoted or not.
export function xmlText(text: string): string {
  return (
    text
      // oxlint-disable-next-line no-control-regex
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
  );
}

// Round numbers within [low, high], about `count` of them.
export function niceTicks(low: number, high: number, count: number): number[] {
  const raw = (high - low) / count;
  if (!(raw > 0) || !Number.isFinite(raw)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= raw) ?? 10);
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function logTicks(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => 10 ** (first + i));
}

const number = (n: number) => String(Math.round(n * 10) / 10);

interface Scale {
  place: (value: number) => number;
  ticks: number[];
}

function yScale(o: SvgOptions, lines: Line[], drawn: (number | null)[][], isRight = false): Scale {
  let low = Infinity;
  let high = -Infinity;
  for (const column of drawn) {
    for (const v of column) {
      if (v === null) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  if (low > high) [low, high] = extent(lines, o.yLog) ?? [0, 1];
  const at = (share: number) => top + plotHeight * (1 - share);
  if (o.yLog) {
    const first = Math.floor(Math.log10(low > 0 ? low : 1));
    const decades: [number, number] = [
      10 ** first,
      10 ** Math.max(first + 1, Math.ceil(Math.log10(high > 0 ? high : 10))),
    ];
    const limited = isRight ? decades : withLimits(decades, o.yMin ?? null, o.yMax ?? null);
    const [low10, high10] = limited[0] > 0 ? limited : decades;
    const from = Math.log10(low10);
    const to = Math.log10(high10);
    return {
      place: (v) => at((Math.log10(v) - from) / (to - from)),
      ticks: logTicks(low10, high10).filter((tick) => tick >= low10 && tick <= high10),
    };
  }
  const fitting: [number, number] =
    o.mode === 'percent' ? [Math.min(0, low), 100] : padRange(low, high, o.yZero || o.mode === 'stacked');
  const [from, to] = isRight ? fitting : withLimits(fitting, o.yMin ?? null, o.yMax ?? null);
  return { place: (v) => at((v - from) / (to - from)), ticks: niceTicks(from, to, 6) };
}

interface PathOptions {
  x: (index: number) => number;
  y: Scale;
  style: LineStyle;
  // So many missing points are drawn over.
  connect: number;
}

function path(column: readonly (number | null)[], { x, y, style, connect }: PathOptions): string {
  let out = '';
  let last = -Infinity;
  for (const [i, value] of column.entries()) {
    if (value === null) continue;
    const at = number(x(i));
    const height = number(y.place(value));
    const open = i - last - 1 <= connect;
    last = i;
    if (style === 'bars') out += `M${at} ${top + plotHeight}V${height}`;
    // A lone point becomes a line of no length, which round caps show as a dot.
    else if (style === 'points' || !open) out += `M${at} ${height}l0 0`;
    else out += style === 'steps' ? `H${at}V${height}` : `L${at} ${height}`;
  }
  return out;
}

export function chartSvg(o: SvgOptions): string {
  const { data, colors } = o;
  const lines = o.lines;
  const leftLines = lines.filter((l) => !l.right);
  const twoAxes = o.mode === 'lines' && leftLines.length > 0 && leftLines.length < lines.length;
  const right = twoAxes ? 66 : 16;
  const plotWidth = width - left - right;
  const drawn = columns(lines, data.points, o.mode, o.yLog);
  const ofAxis = (isRight: boolean) => drawn.filter((_, i) => (lines[i] as Line).right === isRight);
  const y = twoAxes ? yScale(o, leftLines, ofAxis(false)) : yScale(o, lines, drawn);
  const y2 = twoAxes ? yScale(o, lines, ofAxis(true), true) : y;
  const x = (i: number) => left + (plotWidth * i) / Math.max(1, data.points - 1);
  const listed = lines.slice(0, legendMax);
  const height = top + plotHeight + 40 + (listed.length + (lines.length > legendMax ? 1 : 0)) * legendRow + 8;
  const endMs = data.startMs + (data.points - 1) * data.stepMs;
  const out: string[] = [];
  const text = (tx: number, ty: number, fill: string, content: string, more = '') =>
    out.push(`<text x="${number(tx)}" y="${number(ty)}" fill="${fill}"${more}>${xmlText(content)}</text>`);
  out.push(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${xmlText(o.title)}</title>`,
    `<rect width="${width}" height="${height}" fill="${colors.surface}"/>`,
  );
  text(left, 20, colors.text, o.title.slice(0, 140), ' font-size="14" font-weight="600"');
  text(left, 38, colors.muted, `${showDateTime(data.startMs, o.zone)} – ${showDateTime(endMs, o.zone)}`);
  const yAxis = (scale: Scale, at: number, anchor: string, grid: boolean) => {
    const labels = unitTicks(scale.ticks, o.unit ?? 'none');
    for (const [i, tick] of scale.ticks.entries()) {
      const ty = scale.place(tick);
      if (grid)
        out.push(
          `<path d="M${left} ${number(ty)}h${number(plotWidth)}" stroke="${colors.line}" stroke-width="1"/>`,
        );
      text(
        at,
        ty + 4,
        colors.muted,
        `${labels[i] ?? ''}${o.mode === 'percent' ? '%' : ''}`,
        ` text-anchor="${anchor}"`,
      );
    }
  };
  yAxis(y, left - 8, 'end', true);
  if (twoAxes) yAxis(y2, width - right + 8, 'start', false);
  const ticks = 6;
  const days = endMs - data.startMs > 2 * 86_400_000;
  for (let i = 0; i <= ticks; i++) {
    const ms = data.startMs + ((endMs - data.startMs) * i) / ticks;
    const anchor = i === 0 ? 'start' : i === ticks ? 'end' : 'middle';
    const shown = formatDateTime(ms, o.zone);
    text(
      left + (plotWidth * i) / ticks,
      top + plotHeight + 18,
      colors.muted,
      days ? shown.slice(5, 16) : showClock(shown.slice(11, 19)),
      ` text-anchor="${anchor}"`,
    );
  }
  const style = o.mode === 'lines' ? o.style : 'line';
  const connect = Math.max(0, Math.floor(o.connectMs / data.stepMs) - 1);
  const stroke = style === 'line' || style === 'steps' ? 1.5 : 4;
  const cap = style === 'bars' ? 'butt' : 'round';
  // Lines end where limits of the axis cut them off.
  out.push(
    `<clipPath id="plot"><rect x="${left}" y="${top - 2}" width="${number(plotWidth)}" height="${plotHeight + 4}"/></clipPath>`,
  );
  out.push(
    `<g clip-path="url(#plot)" fill="none" stroke-width="${stroke}" stroke-linejoin="round" stroke-linecap="${cap}">`,
  );
  for (const [i, line] of lines.entries()) {
    const d = path(drawn[i] ?? [], { x, y: line.right ? y2 : y, style, connect });
    if (d === '') continue;
    const dash = line.look.dash.length > 0 ? ` stroke-dasharray="${line.look.dash.join(' ')}"` : '';
    out.push(`<path d="${d}" stroke="${colors.palette[line.look.color] ?? colors.text}"${dash}/>`);
  }
  out.push('</g>');
  let row = top + plotHeight + 44;
  for (const line of listed) {
    const dash = line.look.dash.length > 0 ? ` stroke-dasharray="${line.look.dash.join(' ')}"` : '';
    out.push(
      `<path d="M${left} ${row - 4}h16" stroke="${colors.palette[line.look.color] ?? colors.text}" stroke-width="3"${dash}/>`,
    );
    text(left + 24, row, colors.text, o.legend(line).slice(0, 150));
    row += legendRow;
  }
  if (lines.length > legendMax) text(left + 24, row, colors.muted, o.more(lines.length - legendMax));
  out.push('</svg>');
  return out.join('\n');
}

// The document as a PNG at twice its size.
export async function rasterise(svg: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth * 2;
    canvas.height = image.naturalHeight * 2;
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture is too large'))));
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
