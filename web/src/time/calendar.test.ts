import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addMonths, dayAfterKey, dayMs, dayOf, dayText, monthOf, weeksOf } from './calendar';

const day = (text: string) => Date.parse(`${text}T00:00:00Z`);

test('a month begins on a Monday row and holds all its days', () => {
  const weeks = weeksOf(day('2026-11-01'));
  expect(dayText(weeks[0]?.[0] ?? 0)).toBe('2026-10-26');
  expect(weeks.flat()).toHaveLength(42);
  expect(weeks.flat()).toContain(day('2026-11-30'));
});
test('a day is the day of the zone', () => {
  const late = Date.UTC(2026, 10, 22, 20);
  expect(dayText(dayOf(late, 'UTC'))).toBe('2026-11-22');
  expect(dayText(dayOf(late, 'Asia/Seoul'))).toBe('2026-11-23');
});
test('the 31st becomes the last day of a shorter month', () => {
  expect(dayText(addMonths(day('2026-03-31'), -1))).toBe('2026-02-28');
  expect(dayText(addMonths(day('2026-12-31'), 2))).toBe('2027-02-28');
});
test.each([
  ['ArrowLeft', '2026-11-24'],
  ['ArrowRight', '2026-11-26'],
  ['ArrowUp', '2026-11-18'],
  ['ArrowDown', '2026-12-02'],
  ['Home', '2026-11-23'],
  ['End', '2026-11-29'],
  ['PageUp', '2026-10-25'],
  ['PageDown', '2026-12-25'],
])('%s', (key, to) => expect(dayText(dayAfterKey(key, day('2026-11-25')) ?? 0)).toBe(to));
test('other keys are not the calendar’s', () => expect(dayAfterKey('a', 0)).toBeNull());
test('every day is in the rows of its month', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 80_000 }), (n) =>
      weeksOf(monthOf(n * dayMs))
        .flat()
        .includes(n * dayMs),
    ),
  );
});
