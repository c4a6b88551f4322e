import { describe, expect, test } from 'vitest';
import { en } from './en';
import { enPages } from './en-pages';
import type { MessageKey } from './index';
import { ko } from './ko';
import { fill, placeholders } from './message';

const all = { ...en, ...enPages };

describe('messages', () => {
  test('values and plurals are filled in', () => {
    expect(fill('{a} and {b}', { a: 1, b: 'x' }, 'en')).toBe('1 and x');
    const series = '{count, plural, one {# series of {name}} other {# series}}';
    expect(fill(series, { count: 1, name: 'A' }, 'en')).toBe('1 series of A');
    expect(fill(series, { count: 12345, name: 'A' }, 'en')).toBe('12,345 series');
    expect(fill('{count, plural, other {시계열 #개}}', { count: 3 }, 'ko')).toBe('시계열 3개');
  });
  test('a value with braces is not read as a message', () => {
    expect(fill('{a}', { a: '{b}' }, 'en')).toBe('{b}');
  });
  test('each Korean message needs what the English one gets', () => {
    for (const key of Object.keys(all) as MessageKey[]) {
      expect([key, placeholders(ko[key])]).toEqual([key, placeholders(all[key])]);
      expect(() => fill(ko[key], { count: 2 }, 'ko')).not.toThrow();
      expect(() => fill(all[key], { count: 2 }, 'en')).not.toThrow();
    }
  });
  test('no key is in both English catalogues, and Korean has no other', () => {
    expect(Object.keys(enPages).filter((key) => key in en)).toEqual([]);
    expect(Object.keys(ko).sort()).toEqual(Object.keys(all).sort());
  });
  test('no exclamation marks', () => {
    for (const text of [...Object.values(all), ...Object.values(ko)]) expect(text).not.toMatch(/!/);
  });
});
