import { describe, expect, test } from 'vitest';
import { decode, encode, readLabels } from './labels';

describe('readLabels', () => {
  test.each([
    ['{"a": "b", "c.d": "x y"}', { a: 'b', 'c.d': 'x y' }],
    ['up{job="x", instance="h:1"}', { __name__: 'up', job: 'x', instance: 'h:1' }],
    ['{"up.x"="1", a="quo\\"te\\n"}', { 'up.x': '1', a: 'quo"te\n' }],
    ['__address__="h:9100"\njob=node\n__meta_x: y', { __address__: 'h:9100', job: 'node', __meta_x: 'y' }],
    ['', {}],
  ])('%s', (text, labels) => {
    expect(readLabels(text)).toEqual(labels);
  });

  test.each(['[1]', '{"a": 1}', 'a b c', 'up{job=', '"half'])('%s is none', (text) => {
    expect(readLabels(text)).toBeNull();
  });
});

test('the link holds both texts', () => {
  const state = { rules: '- action: drop\n  regex: a&b', labels: '{"a":"b"}' };
  expect(decode(`?${encode(state)}`)).toEqual(state);
  expect(encode(decode(''))).toBe('');
});
