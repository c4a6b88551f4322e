// Times in the zone the user chose. Formatters are cached: making one costs about 50 µs.

// 'browser', 'UTC' or an IANA name.
export type Zone = string;

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: Zone): Intl.DateTimeFormat {
  let found = formatters.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone === 'browser' ? undefined : zone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    });
    formatters.set(zone, found);
  }
  return found;
}

export function isZone(name: string): boolean {
  if (name === 'browser') return true;
  try {
    formatter(name);
    return true;
  } catch {
    return false;
  }
}

export interface CivilTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  ms: number;
}

export function civil(ms: number, zone: Zone): CivilTime {
  const out: Record<string, number> = {};
  for (const part of formatter(zone).formatToParts(ms)) {
    if (part.type !== 'literal') out[part.type] = Number(part.value);
  }
  return {
    year: out['year'] ?? 0,
    month: out['month'] ?? 0,
    day: out['day'] ?? 0,
    hour: out['hour'] ?? 0,
    minute: out['minute'] ?? 0,
    second: out['second'] ?? 0,
    ms: ((ms % 1000) + 1000) % 1000,
  };
}

// Offset of the zone from UTC at that moment, in minutes.
export function offsetMinutes(ms: number, zone: Zone): number {
  if (zone === 'UTC') return 0;
  const t = civil(ms, zone);
  const asUtc = Date.UTC(t.year, t.month - 1, t.day, t.hour, t.minute, t.second);
  return Math.round((asUtc - Math.floor(ms / 1000) * 1000) / 60_000);
}

export function zoneLabel(ms: number, zone: Zone): string {
  const offset = offsetMinutes(ms, zone);
  if (zone === 'UTC' || offset === 0) return 'UTC';
  const abs = Math.abs(offset);
  const two = (n: number) => String(n).padStart(2, '0');
  return `UTC${offset < 0 ? '−' : '+'}${two(Math.floor(abs / 60))}:${two(abs % 60)}`;
}

const two = (n: number) => String(n).padStart(2, '0');

export function formatDateTime(ms: number, zone: Zone, withMs = false): string {
  const t = civil(ms, zone);
  const time = `${two(t.hour)}:${two(t.minute)}:${two(t.second)}`;
  return `${t.year}-${two(t.month)}-${two(t.day)} ${time}${withMs ? `.${String(t.ms).padStart(3, '0')}` : ''}`;
}

// Which clock the user reads. What is kept, sent or exported is written with 24 hours all the same.
export type Clock = '24' | '12';
let clock: Clock = '24';

export function setClock(next: Clock): void {
  clock = next;
}

// "13:05:00" as the user reads it: "1:05:00 pm" by a 12-hour clock.
export function showClock(time: string): string {
  if (clock === '24') return time;
  const hour = Number(time.slice(0, 2));
  return `${hour % 12 === 0 ? 12 : hour % 12}${time.slice(2)} ${hour < 12 ? 'am' : 'pm'}`;
}

// formatDateTime for the eyes; parseDateTime reads this too.
export function showDateTime(ms: number, zone: Zone, withMs = false): string {
  const text = formatDateTime(ms, zone, withMs);
  const space = text.indexOf(' ');
  return text.slice(0, space + 1) + showClock(text.slice(space + 1));
}

const dateTime =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(?: ?([ap])m)?)?(Z)?$/i;

// Reads "2026-11-22 09:00[:30]" in the zone (a trailing Z means UTC), RFC3339, or epoch milliseconds or
// seconds. A time that a clock change skips is taken with the offset before the change. Null when unreadable.
export function parseDateTime(text: string, zone: Zone): number | null {
  const trimmed = text.trim();
  if (/^\d{9,10}(\.\d+)?$/.test(trimmed)) return Math.round(Number(trimmed) * 1000);
  if (/^\d{12,13}$/.test(trimmed)) return Number(trimmed);
  const match = dateTime.exec(trimmed);
  if (!match) {
    const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?[+-]\d{2}:\d{2}$/.test(trimmed);
    const parsed = rfc3339 ? Date.parse(trimmed) : NaN;
    return Number.isNaN(parsed) ? null : parsed;
  }
  const [year, month, day, written, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const half = match[8]?.toLowerCase();
  if (half && (written < 1 || written > 12)) return null;
  const hour = half ? (written % 12) + (half === 'p' ? 12 : 0) : written;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return null;
  const fraction = Number((match[7] ?? '').padEnd(3, '0'));
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second, fraction);
  if (new Date(asUtc).getUTCDate() !== day) return null;
  if (match[9] || zone === 'UTC') return asUtc;
  // The offset depends on the answer: two rounds settle it except inside a skipped hour.
  let guess = asUtc - offsetMinutes(asUtc, zone) * 60_000;
  guess = asUtc - offsetMinutes(guess, zone) * 60_000;
  return guess;
}
