import { describe, expect, test } from 'vitest';
import type { QueryData } from '../../api/types';
import {
  countsOf,
  decodeState,
  encodeState,
  labelCosts,
  labelSelector,
  narrowed,
  pairSelector,
  perLabelQuery,
  valuesQuery,
} from './model';

describe('cardinality explorer', () => {
  test('pairs and labels become selectors', () => {
    expect(pairSelector('job=a=b"c')).toBe('{job="a=b\\"c"}');
    expect(labelSelector('job')).toBe('{job!=""}');
    expect(labelSelector('a.b')).toBe('{"a.b"!=""}');
  });
  test('a selector is narrowed whatever its form', () => {
    expect(narrowed('', 'a', '1')).toBe('{a="1"}');
    expect(narrowed('up', 'a', '1')).toBe('up{a="1"}');
    expect(narrowed('up{}', 'a', '1')).toBe('up{a="1"}');
    expect(narrowed('up{b="}"}', 'a', '1')).toBe('up{b="}", a="1"}');
    expect(narrowed('{b="2",}', 'a.b', '1')).toBe('{b="2", "a.b"="1"}');
  });
  test('queries count values, and what dropping a label would leave', () => {
    expect(valuesQuery('up', 'a.b', 10)).toBe('topk(10, count by ("a.b") (up))');
    expect(perLabelQuery('up', ['job'], 'without')).toBe(
      'label_replace(count(count without (job) (up)), "label", "job", "", "")',
    );
    expect(perLabelQuery('up', ['a', 'b'], 'values').split(' or ')).toHaveLength(2);
  });
  test('answers become sorted counts', () => {
    const data: QueryData = {
      resultType: 'vector',
      result: [
        { metric: { job: 'a' }, value: [0, '1'] },
        { metric: {}, value: [0, '5'] },
      ],
    };
    expect(countsOf(data, 'job')).toEqual([
      { name: '', value: 5 },
      { name: 'a', value: 1 },
    ]);
    expect(countsOf(undefined, 'job')).toEqual([]);
    expect(
      labelCosts(
        [
          { name: 'le', value: 10 },
          { name: 'job', value: 2 },
        ],
        [{ name: 'le', value: 10 }],
        100,
      ),
    ).toEqual([
      { name: 'le', values: 10, saved: 90 },
      { name: 'job', values: 2, saved: 0 },
    ]);
  });
  test('the address holds the state', () => {
    const state = { limit: 50, match: '{job="x"}', focus: 'le' };
    expect(decodeState(encodeState(state))).toEqual(state);
    expect(decodeState('limit=7')).toEqual({ limit: 10, match: '', focus: '' });
  });
});
