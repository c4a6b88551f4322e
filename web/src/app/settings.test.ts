// @vitest-environment happy-dom
import { describe, expect, test } from 'vitest';
import { migrate } from './settings';

describe('settings kept by an earlier version', () => {
  test.each([
    [
      { tooltipAll: false, theme: 'light' },
      { tooltip: 'single', theme: 'light' },
    ],
    [
      { tooltipAll: true, zone: 'UTC' },
      { tooltip: 'all', zone: 'UTC' },
    ],
    [{}, { tooltip: 'all', theme: 'system' }],
  ])('%j', (kept, expected) => {
    const settings = migrate(kept, 1);
    expect(settings).toMatchObject(expected);
    expect(settings).not.toHaveProperty('tooltipAll');
  });
});
