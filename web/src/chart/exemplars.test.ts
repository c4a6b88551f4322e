import { expect, test } from 'vitest';
import { exemplarsMax, exemplarsOf, traceUrl } from './exemplars';

const series = (times: number[], value = '1') => ({
  seriesLabels: { a: 'b' },
  exemplars: times.map((timestamp) => ({ labels: { trace_id: `t${timestamp}` }, value, timestamp })),
});

test('exemplars of all series in order of time; what cannot be drawn is left out', () => {
  expect(exemplarsOf([series([3, 1]), series([2.5])]).map((e) => e.timeMs)).toEqual([1000, 2500, 3000]);
  expect(exemplarsOf([series([1], 'NaN'), series([2], '+Inf')])).toEqual([]);
  expect(exemplarsOf([])).toEqual([]);
});

test('a crowd is thinned evenly', () => {
  const many = exemplarsOf([series(Array.from({ length: 9 * exemplarsMax }, (_, i) => i))]);
  expect(many.length).toBeLessThanOrEqual(exemplarsMax);
  expect(many.length).toBeGreaterThan(exemplarsMax / 2);
});

test('links to traces: filled, escaped, only of the web', () => {
  expect(traceUrl('https://t.example/{trace_id}?q={x}', { trace_id: 'a/b', x: '1&2' })).toBe(
    'https://t.example/a%2Fb?q=1%262',
  );
  expect(traceUrl('https://t.example/{trace_id}', {})).toBeNull();
  expect(traceUrl('{trace_id}', { trace_id: 'javascript:alert(1)' })).toBeNull();
  expect(traceUrl('javascript:alert({trace_id})', { trace_id: '1' })).toBeNull();
  expect(traceUrl('  ', { trace_id: '1' })).toBeNull();
});
