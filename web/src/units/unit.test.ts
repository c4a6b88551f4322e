import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatUnit, unitIncrements, unitTicks, units, type Unit } from './unit';

describe('units', () => {
  test.each([
    [0, 'seconds', '0 s'],
    [0.0123, 'seconds', '12.3 ms'],
    [90, 'seconds', '1.5 min'],
    [-7200, 'seconds', '-2 h'],
    [1536, 'bytes', '1.5 KiB'],
    [0, 'bytes', '0 B'],
    [0.5, 'bytes', '0.5 B'],
    [1000, 'bytes', '0.977 KiB'],
    [1024 ** 3, 'bytesPerSecond', '1 GiB/s'],
    [12.5, 'percent', '12.5 %'],
    [0.125, 'ratio', '12.5 %'],
    [1234, 'none', '1.234k'],
    [NaN, 'bytes', 'NaN'],
    [Infinity, 'seconds', '+Inf'],
  ] as [number, Unit, string][])('%d %s is %s', (value, unit, text) =>
    expect(formatUnit(value, unit)).toBe(text),
  );
  test('ticks share their unit', () => {
    expect(unitTicks([0, 512, 1024, 1536], 'bytes')).toEqual(['0 KiB', '0.5 KiB', '1.0 KiB', '1.5 KiB']);
    expect(unitTicks([0, 30, 60, 90], 'seconds')).toEqual(['0 min', '0.5 min', '1.0 min', '1.5 min']);
    expect(unitTicks([0, 0.25, null, 0.5], 'ratio')).toEqual(['0 %', '25 %', '', '50 %']);
  });
  test('any number has a text, and the distances of ticks ascend', () => {
    fc.assert(
      fc.property(fc.double(), fc.constantFrom(...units), (v, unit) => formatUnit(v, unit).length > 0),
    );
    for (const unit of units) {
      const steps = unitIncrements(unit) ?? [];
      expect(steps.every((step, i) => i === 0 || step >= (steps[i - 1] as number))).toBe(true);
    }
  });
});
