// A month as rows of days. A day is its midnight as if in UTC, so that days can be counted.
import { civil, type Zone } from './zone';

export const dayMs = 86_400_000;

export function dayOf(ms: number, zone: Zone): number {
  const t = civil(ms, zone);
  return Date.UTC(t.year, t.month - 1, t.day);
}

export function monthOf(day: number): number {
  return new Date(day).setUTCDate(1);
}

export function addMonths(day: number, count: number): number {
  const date = new Date(day);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count + 1, 0)).getUTCDate();
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count, Math.min(date.getUTCDate(), last));
}

// Six weeks that begin on Monday, so that the box keeps its height.
export function weeksOf(month: number): number[][] {
  const first = month - ((new Date(month).getUTCDay() + 6) % 7) * dayMs;
  return Array.from({ length: 6 }, (_, week) =>
    Array.from({ length: 7 }, (_day, day) => first + (week * 7 + day) * dayMs),
  );
}

export function dayText(day: number): string {
  return new Date(day).toISOString().slice(0, 10);
}

// Where a key of the calendar leads; null = not one of its keys.
export function dayAfterKey(key: string, day: number): number | null {
  const weekday = (new Date(day).getUTCDay() + 6) % 7;
  switch (key) {
    case 'ArrowLeft':
      return day - dayMs;
    case 'ArrowRight':
      return day + dayMs;
    case 'ArrowUp':
      return day - 7 * dayMs;
    case 'ArrowDown':
      return day + 7 * dayMs;
    case 'Home':
      return day - weekday * dayMs;
    case 'End':
      return day + (6 - weekday) * dayMs;
    case 'PageUp':
      return addMonths(day, -1);
    case 'PageDown':
      return addMonths(day, 1);
    default:
      return null;
  }
}
