import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRelative, readRange, resolveTime, spanAt, spanOf } from './range';
import { formatDateTime } from './zone';

// A Sunday.
const now = Date.UTC(2026, 10, 22, 14, 35, 10, 500);
const at = (text: string, edge: 'from' | 'to' = 'from', zone = 'UTC') => {
  const ms = resolveTime(text, now, zone, edge);
  return ms === null ? null : formatDateTime(ms, zone, true);
};

describe('points in time', () => {
  test.each([
    ['now', '2026-11-22 14:35:10.500', '2026-11-22 14:35:10.500'],
    ['now-6h', '2026-11-22 08:35:10.500', '2026-11-22 08:35:10.500'],
    ['now-1h/h', '2026-11-22 13:00:00.000', '2026-11-22 13:59:59.999'],
    ['now/d', '2026-11-22 00:00:00.000', '2026-11-22 23:59:59.999'],
    ['now-1d/d', '2026-11-21 00:00:00.000', '2026-11-21 23:59:59.999'],
    ['now/w', '2026-11-16 00:00:00.000', '2026-11-22 23:59:59.999'],
    ['now-7d/w', '2026-11-09 00:00:00.000', '2026-11-15 23:59:59.999'],
    ['now/M', '2026-11-01 00:00:00.000', '2026-11-30 23:59:59.999'],
    ['now-9M/M', '2026-02-01 00:00:00.000', '2026-02-28 23:59:59.999'],
    ['now-1y/y', '2025-01-01 00:00:00.000', '2025-12-31 23:59:59.999'],
    ['now+1d-2h', '2026-11-23 12:35:10.500', '2026-11-23 12:35:10.500'],
    ['2026-11-22 09:00', '2026-11-22 09:00:00.000', '2026-11-22 09:00:00.000'],
  ])('%s', (text, from, to) => {
    expect(at(text, 'from')).toBe(from);
    expect(at(text, 'to')).toBe(to);
  });
  test.each(['', 'now-', 'now/q', 'now-6', 'nowx', 'now/d-1d', 'yesterday', 'now-999999y', 'now--1h'])(
    '"%s" is no time',
    (text) => expect(resolveTime(text, now, 'UTC', 'from')).toBeNull(),
  );
  test('a day is the day of the zone, and has 25 hours where the clock goes back', () => {
    expect(at('now/d', 'from', 'Asia/Seoul')).toBe('2026-11-22 00:00:00.000');
    // Berlin leaves summer time on 2026-10-25.
    const after = Date.UTC(2026, 9, 26, 12);
    const from = resolveTime('now-1d/d', after, 'Europe/Berlin', 'from') ?? 0;
    const to = resolveTime('now-1d/d', after, 'Europe/Berlin', 'to') ?? 0;
    expect((to + 1 - from) / 3_600_000).toBe(25);
  });
  test('a zone that is off by half an hour has its own hours', () => {
    expect(at('now/h', 'from', 'Asia/Kolkata')).toBe('2026-11-22 20:00:00.000');
  });
  test('the end of a unit is never before its start, and both are in one unit', () => {
    const zones = ['UTC', 'Asia/Seoul', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia'];
    fc.assert(
      fc.property(
        fc.integer({ min: 10 ** 9, max: 4 * 10 ** 9 }),
        fc.constantFrom(...zones),
        fc.constantFrom('m', 'h', 'd', 'w', 'M', 'y'),
        fc.integer({ min: 0, max: 40 }),
        (seconds, zone, unit, back) => {
          const text = `now-${back}${unit}/${unit}`;
          const from = resolveTime(text, seconds * 1000, zone, 'from') ?? NaN;
          const to = resolveTime(text, seconds * 1000, zone, 'to') ?? NaN;
          return from < to && from <= seconds * 1000;
        },
      ),
    );
  });
});

describe('spans', () => {
  test('the simplest form is chosen', () => {
    expect(spanOf('now-6h', 'now', now, 'UTC')).toEqual({
      endMs: null,
      rangeMs: 21_600_000,
      from: '',
      to: '',
    });
    expect(spanOf('now/d', 'now', now, 'UTC')).toMatchObject({ from: 'now/d', to: '', endMs: null });
    expect(spanOf('now-1d/d', 'now-1d/d', now, 'UTC')).toEqual({
      endMs: null,
      rangeMs: 86_400_000,
      from: 'now-1d/d',
      to: 'now-1d/d',
    });
    expect(spanOf('2026-11-22 09:00', '2026-11-22 10:00', now, 'UTC')).toEqual({
      endMs: Date.UTC(2026, 10, 22, 10),
      rangeMs: 3_600_000,
      from: '',
      to: '',
    });
    expect(spanOf('2026-11-22 09:00', 'now', now, 'Asia/Seoul')).toMatchObject({
      from: String(Date.UTC(2026, 10, 22, 0)),
      to: '',
    });
    expect(spanOf('now', 'now-1h', now, 'UTC')).toBeNull();
    expect(spanOf('soon', 'now', now, 'UTC')).toBeNull();
  });
  test('is read at the time of asking', () => {
    const span = { endMs: null, rangeMs: 3_600_000, from: 'now/d', to: '' };
    expect(spanAt(span, now, 'UTC')).toEqual({ startMs: Date.UTC(2026, 10, 22), endMs: now });
    // What came by a link and is none counts for nothing.
    expect(spanAt({ ...span, from: 'nonsense' }, now, 'UTC')).toEqual({
      startMs: now - 3_600_000,
      endMs: now,
    });
    expect(spanAt({ ...span, from: 'now+1h' }, now, 'UTC').startMs).toBe(now - 3_600_000);
  });
  test('ranges are taken as they are handed round', () => {
    expect(readRange('now-1d/d to now/d')).toEqual({ from: 'now-1d/d', to: 'now/d' });
    expect(readRange('2026-11-22 09:00:00 – 2026-11-22 10:00:00')).toEqual({
      from: '2026-11-22 09:00:00',
      to: '2026-11-22 10:00:00',
    });
    expect(readRange('{"from":"now-6h","to":"now"}')).toEqual({ from: 'now-6h', to: 'now' });
    for (const bad of ['', 'now', '{"from":1', '{"from":{},"to":1}', 'a to b to c'])
      expect(readRange(bad)).toBeNull();
  });
  test('any text is survived', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        readRange(`${a} to ${b}`);
        return (
          spanOf(a, b, now, 'UTC') === null || isRelative(a) || resolveTime(a, now, 'UTC', 'from') !== null
        );
      }),
    );
  });
});
