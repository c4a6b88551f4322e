// Points in time as text, absolute or relative to now: now-6h, now/d, now-1d/d, 2026-11-22 09:00.
// A rounding (/d) means the beginning of the unit as the start of a range and its end as the end of one.
import { parseDuration } from './duration';
import { civil, offsetMinutes, parseDateTime, type Zone } from './zone';

export type Edge = 'from' | 'to';
type Unit = 's' | 'm' | 'h' | 'd' | 'w' | 'M' | 'y';

const relative = /^now((?:[+-]\d{1,6}[smhdwMy])*)(?:\/([smhdwMy]))?$/;
const clockMs: Partial<Record<Unit, number>> = { s: 1000, m: 60_000, h: 3_600_000 };
// Where a Date still is one.
const msMax = 8_640_000_000_000_000;

export function isRelative(text: string): boolean {
  return relative.test(text.trim());
}

// The civil time as if it were UTC: days can be counted in it without clock changes.
function civilMs(ms: number, zone: Zone): number {
  const t = civil(ms, zone);
  return Date.UTC(t.year, t.month - 1, t.day, t.hour, t.minute, t.second, t.ms);
}

// Back from it. A time that a clock change skips is taken with the offset before the change.
function fromCivil(asUtc: number, zone: Zone): number {
  if (zone === 'UTC') return asUtc;
  const guess = asUtc - offsetMinutes(asUtc, zone) * 60_000;
  return asUtc - offsetMinutes(guess, zone) * 60_000;
}

// Days, weeks, months and years keep the time of day; the 31st becomes the last day of a shorter month.
function moveCivil(asUtc: number, count: number, unit: Unit): number {
  if (unit === 'd' || unit === 'w') return asUtc + count * (unit === 'w' ? 7 : 1) * 86_400_000;
  const date = new Date(asUtc);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + count * (unit === 'y' ? 12 : 1));
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, last));
  return date.getTime();
}

// The beginning of the unit; weeks begin on Monday.
function floorCivil(asUtc: number, unit: Unit): number {
  const date = new Date(asUtc);
  if (unit === 's') return date.setUTCMilliseconds(0);
  if (unit === 'm') return date.setUTCSeconds(0, 0);
  if (unit === 'h') return date.setUTCMinutes(0, 0, 0);
  date.setUTCHours(0, 0, 0, 0);
  if (unit === 'w') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  if (unit === 'M' || unit === 'y') date.setUTCDate(1);
  if (unit === 'y') date.setUTCMonth(0);
  return date.getTime();
}

function resolveRelative(match: RegExpExecArray, nowMs: number, zone: Zone, edge: Edge): number | null {
  let ms = nowMs;
  for (const [, sign, digits, unit] of (match[1] ?? '').matchAll(/([+-])(\d+)(\w)/g)) {
    const count = Number(digits) * (sign === '-' ? -1 : 1);
    const size = clockMs[unit as Unit];
    ms = size ? ms + count * size : fromCivil(moveCivil(civilMs(ms, zone), count, unit as Unit), zone);
    if (!(Math.abs(ms) < msMax / 2)) return null;
  }
  const unit = match[2] as Unit | undefined;
  if (!unit) return ms;
  const size = clockMs[unit];
  if (size) {
    // By the clock on the wall, where zones are off by half an hour, yet never twice the same hour.
    const start = ms - (civilMs(ms, zone) - floorCivil(civilMs(ms, zone), unit));
    return edge === 'from' ? start : start + size - 1;
  }
  const start = floorCivil(civilMs(ms, zone), unit);
  return edge === 'from' ? fromCivil(start, zone) : fromCivil(moveCivil(start, 1, unit), zone) - 1;
}

// Milliseconds, or null when the text is no time.
export function resolveTime(text: string, nowMs: number, zone: Zone, edge: Edge): number | null {
  const match = relative.exec(text.trim());
  return match ? resolveRelative(match, nowMs, zone, edge) : parseDateTime(text, zone);
}

// What a query covers: up to `endMs` (null = now) and `rangeMs` long, unless `from` or `to` says something
// that moves with time.
export interface Span {
  endMs: number | null;
  rangeMs: number;
  from: string;
  to: string;
}

export function spanAt(span: Span, nowMs: number, zone: Zone): { startMs: number; endMs: number } {
  const end = (span.to && resolveTime(span.to, nowMs, zone, 'to')) || (span.endMs ?? nowMs);
  const from = span.from ? resolveTime(span.from, nowMs, zone, 'from') : null;
  return { startMs: from !== null && from < end ? from : end - span.rangeMs, endMs: end };
}

// Two texts as a span, in the simplest form that says the same; null when they are none or the wrong way round.
export function spanOf(fromText: string, toText: string, nowMs: number, zone: Zone): Span | null {
  const from = fromText.trim();
  const to = toText.trim();
  const startMs = resolveTime(from, nowMs, zone, 'from');
  const endMs = resolveTime(to, nowMs, zone, 'to');
  if (startMs === null || endMs === null || startMs >= endMs) return null;
  const rangeMs = Math.max(1000, Math.round((endMs - startMs) / 1000) * 1000);
  if (!isRelative(from) && !isRelative(to)) return { endMs, rangeMs, from: '', to: '' };
  const plain = /^now-(\d+[smhdwy])$/.exec(from)?.[1];
  const exact = plain === undefined ? null : parseDuration(plain);
  // Days and longer keep the time of day across a clock change only as text; up to now that is no matter.
  if (to === 'now' && exact !== null) return { endMs: null, rangeMs: exact, from: '', to: '' };
  // What does not move is kept as a number: the text would mean another moment in another zone.
  return {
    endMs: null,
    rangeMs,
    from: isRelative(from) ? from : String(startMs),
    to: to === 'now' ? '' : isRelative(to) ? to : String(endMs),
  };
}

// A range as people hand it round: "from to to", "from – to" or Grafana's JSON {"from":…,"to":…}.
export function readRange(text: string): { from: string; to: string } | null {
  const trimmed = text.trim().slice(0, 500);
  if (trimmed.startsWith('{')) {
    try {
      const value = JSON.parse(trimmed) as { from?: unknown; to?: unknown };
      const part = (v: unknown) => (typeof v === 'string' || typeof v === 'number' ? String(v) : '');
      return part(value.from) && part(value.to) ? { from: part(value.from), to: part(value.to) } : null;
    } catch {
      return null;
    }
  }
  const parts = trimmed.split(/\s+(?:–|—|to)\s+/);
  return parts.length === 2 && parts[0] && parts[1] ? { from: parts[0], to: parts[1] } : null;
}
