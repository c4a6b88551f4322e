// The state of the query page as URL parameters, the names and forms of the Prometheus UI (g0.expr,
// g0.range_input …), with further queries of one panel as g0.q1, g0.q2 ….
import { formatDuration, parseDuration } from '../../time/duration';
import { isRelative, spanAt } from '../../time/range';
import { formatDateTime, parseDateTime, type Zone } from '../../time/zone';
import { units, type Unit } from '../../units/unit';
import { lineStyles, type DisplayMode, type LineStyle } from '../../chart/model';

// What a panel shows; all but the graph are of one moment.
export const tabs = ['table', 'graph', 'explain', 'json'] as const;
export type Tab = (typeof tabs)[number];
export type PanelMode = DisplayMode | 'heatmap';
export type Density = 'low' | 'medium' | 'high';

// auto: one point for every two pixels; density: range ÷ 100, 250 or 750; step: as written.
export type Resolution =
  | { type: 'auto' }
  | { type: 'density'; density: Density }
  | { type: 'step'; stepMs: number; custom: boolean };

export interface PanelOptions {
  exprs: string[];
  tab: Tab;
  // null = now.
  endMs: number | null;
  rangeMs: number;
  // Relative ends such as now/d, which win over the two above; empty = none.
  from: string;
  to: string;
  resolution: Resolution;
  mode: PanelMode;
  // Whether the parts of the expression are listed.
  showTree: boolean;
  yZero: boolean;
  yLog: boolean;
  // Ends of the left axis set by hand; null = what fits.
  yMin: number | null;
  yMax: number | null;
  unit: Unit;
  exemplars: boolean;
  // Queries (by position) whose lines go by the right axis.
  rightAxis: number[];
  // Draws the same queries that much earlier as well; 0 = not.
  compareMs: number;
  style: LineStyle;
  // Gaps no longer than this are drawn over; 0 = none is.
  connectMs: number;
  // The label whose values the rows of the table stand under; empty = none.
  groupBy: string;
}

export const defaultRangeMs = 3_600_000;
const panelsMax = 20;
const queriesMax = 10;

export function newPanel(): PanelOptions {
  return {
    exprs: [''],
    tab: 'table',
    endMs: null,
    rangeMs: defaultRangeMs,
    from: '',
    to: '',
    resolution: { type: 'auto' },
    mode: 'lines',
    showTree: false,
    yZero: false,
    yLog: false,
    yMin: null,
    yMax: null,
    unit: 'none',
    exemplars: false,
    rightAxis: [],
    compareMs: 0,
    style: 'line',
    connectMs: 0,
    groupBy: '',
  };
}

function readResolution(get: (name: string) => string | null): Resolution {
  const seconds = Number(get('res_step') ?? get('step_input') ?? '');
  const step = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null;
  const type = get('res_type');
  if (step !== null && (type === 'fixed' || type === 'custom' || type === null)) {
    return { type: 'step', stepMs: step, custom: type !== 'fixed' };
  }
  const density = get('res_density');
  if (density === 'low' || density === 'medium' || density === 'high') return { type: 'density', density };
  return { type: 'auto' };
}

function readMode(get: (name: string) => string | null): PanelMode {
  const mode = get('display_mode');
  if (mode === 'stacked' || mode === 'percent' || mode === 'heatmap') return mode;
  return mode === null && get('stacked') === '1' ? 'stacked' : 'lines';
}

export function readNumber(text: string | null): number | null {
  const value = Number(text ?? '');
  return text !== null && text.trim() !== '' && Number.isFinite(value) ? value : null;
}

// now/d, or epoch milliseconds; anything else counts for nothing.
function readPoint(text: string | null): string {
  return text !== null && text !== 'now' && (isRelative(text) || /^\d{12,14}$/.test(text)) ? text : '';
}

export function decodePanels(search: string): PanelOptions[] {
  const params = new URLSearchParams(search);
  const panels: PanelOptions[] = [];
  for (let n = 0; n < panelsMax; n++) {
    const prefix = `g${n}.`;
    if (![...params.keys()].some((key) => key.startsWith(prefix))) break;
    const get = (name: string) => params.get(prefix + name);
    const panel = newPanel();
    panel.exprs = [get('expr') ?? ''];
    for (let q = 1; q < queriesMax && get(`q${q}`) !== null; q++) panel.exprs.push(get(`q${q}`) ?? '');
    const tab = get('tab');
    // 0 was the graph in the oldest links, 1 the table.
    panel.tab = tab === '0' ? 'graph' : (tabs.find((name) => name === tab) ?? 'table');
    const end = get('end_input') ?? get('moment_input');
    panel.endMs = end ? parseDateTime(end, 'UTC') : null;
    panel.rangeMs = parseDuration(get('range_input') ?? get('relative_time') ?? '') ?? defaultRangeMs;
    panel.from = readPoint(get('from'));
    panel.to = readPoint(get('to'));
    panel.resolution = readResolution(get);
    panel.mode = readMode(get);
    panel.showTree = get('show_tree') === '1';
    panel.yZero = get('y_axis_min') === '0';
    panel.yLog = get('y_log') === '1';
    panel.yMin = readNumber(get('y_min'));
    panel.yMax = readNumber(get('y_max'));
    panel.unit = units.find((unit) => unit === get('unit')) ?? 'none';
    panel.exemplars = get('show_exemplars') === '1';
    panel.rightAxis = (get('y_right') ?? '')
      .split(',')
      .filter((text) => /^\d$/.test(text))
      .map(Number);
    panel.compareMs = parseDuration(get('compare') ?? '') ?? 0;
    panel.style = lineStyles.find((style) => style === get('style')) ?? 'line';
    panel.connectMs = parseDuration(get('connect') ?? '') ?? 0;
    panel.groupBy = get('group_by') ?? '';
    panels.push(panel);
  }
  return panels.length > 0 ? panels : [newPanel()];
}

export function encodePanels(panels: readonly PanelOptions[]): string {
  const params = new URLSearchParams();
  for (const [n, panel] of panels.entries()) {
    const set = (name: string, value: string) => params.set(`g${n}.${name}`, value);
    set('expr', panel.exprs[0] ?? '');
    for (const [q, expr] of panel.exprs.entries()) if (q > 0) set(`q${q}`, expr);
    set('show_tree', panel.showTree ? '1' : '0');
    set('tab', panel.tab);
    if (panel.endMs !== null) {
      const text = formatDateTime(panel.endMs, 'UTC');
      set('end_input', text);
      set('moment_input', text);
    }
    set('range_input', formatDuration(panel.rangeMs));
    if (panel.from) set('from', panel.from);
    if (panel.to) set('to', panel.to);
    const { resolution } = panel;
    if (resolution.type === 'step') {
      set('res_type', resolution.custom ? 'custom' : 'fixed');
      set('res_step', String(resolution.stepMs / 1000));
    } else {
      set('res_type', 'auto');
      if (resolution.type === 'density') set('res_density', resolution.density);
    }
    set('display_mode', panel.mode);
    if (panel.yZero) set('y_axis_min', '0');
    if (panel.yLog) set('y_log', '1');
    if (panel.yMin !== null) set('y_min', String(panel.yMin));
    if (panel.yMax !== null) set('y_max', String(panel.yMax));
    if (panel.unit !== 'none') set('unit', panel.unit);
    set('show_exemplars', panel.exemplars ? '1' : '0');
    if (panel.rightAxis.length > 0) set('y_right', panel.rightAxis.join(','));
    if (panel.style !== 'line') set('style', panel.style);
    if (panel.connectMs > 0) set('connect', formatDuration(panel.connectMs));
    if (panel.groupBy) set('group_by', panel.groupBy);
    if (panel.compareMs > 0) set('compare', formatDuration(panel.compareMs));
  }
  return params.toString();
}

// Options with a part changed. A new length or end takes the place of what was said in words; what is not
// changed stays where it is at this moment.
export function withChange(
  options: PanelOptions,
  partial: Partial<PanelOptions>,
  nowMs: number,
  zone: Zone,
): PanelOptions {
  const next = { ...options, ...partial };
  const words = 'from' in partial || 'to' in partial;
  const numbers = 'rangeMs' in partial || 'endMs' in partial;
  if (words || !numbers || (options.from === '' && options.to === '')) return next;
  const { startMs, endMs } = spanAt(options, nowMs, zone);
  const rangeMs = Math.max(1000, Math.round((endMs - startMs) / 1000) * 1000);
  return { ...next, from: '', to: '', rangeMs, endMs: endMs >= nowMs ? null : endMs, ...partial };
}

const pointsMax = 11_000;
const niceStepsMs = [1, 2, 5, 10, 15, 20, 30].map((s) => s * 1000);

// The step in ms that a resolution means for a range drawn `widthPx` wide; never more points than the server
// accepts.
export function effectiveStepMs(resolution: Resolution, rangeMs: number, widthPx: number): number {
  const floor = Math.ceil(rangeMs / pointsMax);
  if (resolution.type === 'step') return Math.max(resolution.stepMs, floor);
  if (resolution.type === 'density') {
    const points = { low: 100, medium: 250, high: 750 }[resolution.density];
    return Math.max(Math.floor(rangeMs / points / 1000) * 1000, 1000, floor);
  }
  const wanted = rangeMs / Math.max(50, widthPx / 2);
  const nice = niceStepsMs.find((s) => s >= wanted) ?? Math.ceil(wanted / 60_000) * 60_000;
  return Math.max(nice, floor);
}
