// Tick labels of a time axis in the chosen zone; the date appears where the day changes.
import { civil, showClock, type Zone } from '../time/zone';

const two = (n: number) => String(n).padStart(2, '0');

// `splits` are seconds; `incr` is the distance between them.
export function timeTicks(splits: readonly number[], incr: number, zone: Zone): string[] {
  let day = -1;
  return splits.map((seconds, index) => {
    const t = civil(seconds * 1000, zone);
    const date = `${two(t.month)}-${two(t.day)}`;
    const newDay = t.day !== day;
    day = t.day;
    const midnight = t.hour === 0 && t.minute === 0 && t.second === 0;
    if (incr >= 28 * 86_400) return `${t.year}-${two(t.month)}`;
    if (incr >= 86_400 || (midnight && incr >= 3600)) return date;
    let time = `${two(t.hour)}:${two(t.minute)}`;
    if (incr < 60) time += `:${two(t.second)}`;
    if (incr < 1) time += `.${String(Math.round(t.ms)).padStart(3, '0')}`;
    time = showClock(time);
    return newDay && index > 0 ? `${time}\n${date}` : time;
  });
}
