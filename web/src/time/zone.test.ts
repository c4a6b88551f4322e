import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  formatDateTime,
  isZone,
  offsetMinutes,
  parseDateTime,
  setClock,
  showDateTime,
  zoneLabel,
} from './zone';

const at = Date.UTC(2026, 10, 22, 0, 30, 5, 250);

describe('zones', () => {
  test('a moment reads differently in each zone', () => {
    expect(formatDateTime(at, 'UTC')).toBe('2026-11-22 00:30:05');
    expect(formatDateTime(at, 'Asia/Seoul')).toBe('2026-11-22 09:30:05');
    expect(formatDateTime(at, 'America/New_York', true)).toBe('2026-11-21 19:30:05.250');
    expect(zoneLabel(at, 'Asia/Kolkata')).toBe('UTC+05:30');
    expect(zoneLabel(at, 'America/New_York')).toBe('UTC−05:00');
  });
  test('what is typed is read in the zone', () => {
    expect(parseDateTime('2026-11-22 09:30:05.250', 'Asia/Seoul')).toBe(at);
    expect(parseDateTime('2026-11-22 00:30', 'UTC')).toBe(Date.UTC(2026, 10, 22, 0, 30));
    expect(parseDateTime('2026-11-22T00:30:05.250Z', 'Asia/Seoul')).toBe(at);
    expect(parseDateTime('2026-11-22T01:30:05.25+01:00', 'UTC')).toBe(at);
    expect(parseDateTime(String(at), 'UTC')).toBe(at);
    expect(parseDateTime('1795307405', 'UTC')).toBe(1795307405000);
    expect(parseDateTime('2026-11-22', 'UTC')).toBe(Date.UTC(2026, 10, 22));
  });
  test.each(['', 'soon', '2026-13-01', '2026-02-30', '2026-11-22 25:00', '2026-11-22 10:61', '12'])(
    '%s is no time',
    (text) => expect(parseDateTime(text, 'UTC')).toBeNull(),
  );
  test('both sides of a clock change', () => {
    // Berlin leaves summer time on 2026-10-25 at 01:00 UTC.
    expect(offsetMinutes(Date.UTC(2026, 9, 25, 0, 59), 'Europe/Berlin')).toBe(120);
    expect(offsetMinutes(Date.UTC(2026, 9, 25, 1, 0), 'Europe/Berlin')).toBe(60);
    expect(parseDateTime('2026-10-25 12:00', 'Europe/Berlin')).toBe(Date.UTC(2026, 9, 25, 11));
    expect(parseDateTime('2026-10-24 12:00', 'Europe/Berlin')).toBe(Date.UTC(2026, 9, 24, 10));
  });
  test('a printed time is read back, whatever the zone', () => {
    const zones = ['UTC', 'Asia/Seoul', 'Asia/Kolkata', 'America/St_Johns', 'Pacific/Apia'];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4 * 10 ** 9 }), fc.constantFrom(...zones), (seconds, zone) => {
        const text = formatDateTime(seconds * 1000, zone);
        // Within the hour that a clock change repeats the text names two moments.
        return formatDateTime(parseDateTime(text, zone) ?? -1, zone) === text;
      }),
    );
  });
  test('names are checked', () => {
    expect(isZone('Asia/Seoul')).toBe(true);
    expect(isZone('browser')).toBe(true);
    expect(isZone('Mars/Olympus')).toBe(false);
  });
});

describe('the 12-hour clock', () => {
  afterEach(() => setClock('24'));
  test.each([
    [0, '12:05:00 am'],
    [1, '1:05:00 am'],
    [11, '11:05:00 am'],
    [12, '12:05:00 pm'],
    [13, '1:05:00 pm'],
    [23, '11:05:00 pm'],
  ])('hour %i', (hour, text) => {
    setClock('12');
    const ms = Date.UTC(2026, 10, 22, hour, 5);
    expect(showDateTime(ms, 'UTC')).toBe(`2026-11-22 ${text}`);
    expect(parseDateTime(showDateTime(ms, 'UTC'), 'UTC')).toBe(ms);
    // What is kept is not touched.
    expect(formatDateTime(ms, 'UTC')).toBe(`2026-11-22 ${String(hour).padStart(2, '0')}:05:00`);
  });
  test.each(['2026-11-22 13:05 pm', '2026-11-22 0:05 am', '2026-11-22 9 pm'])('%s is no time', (text) =>
    expect(parseDateTime(text, 'UTC')).toBeNull(),
  );
  test('a time may be typed either way whatever the clock', () => {
    expect(parseDateTime('2026-11-22 9:30PM', 'UTC')).toBe(Date.UTC(2026, 10, 22, 21, 30));
    expect(parseDateTime('2026-11-22 21:30', 'UTC')).toBe(Date.UTC(2026, 10, 22, 21, 30));
  });
});
