import { describe, expect, test } from 'vitest';
import { applyNotification } from './notifications';

describe('notifications', () => {
  const note = (text: string, active = true) => ({ text, date: '2026-11-23T00:00:00Z', active });
  test('an event adds, renews and takes away', () => {
    const two = applyNotification(applyNotification([], note('a')), note('b'));
    expect(two.map((n) => n.text)).toEqual(['a', 'b']);
    expect(applyNotification(two, note('a')).map((n) => n.text)).toEqual(['b', 'a']);
    expect(applyNotification(two, note('a', false)).map((n) => n.text)).toEqual(['b']);
    expect(applyNotification(two, note('c', false))).toEqual(two);
  });
});
