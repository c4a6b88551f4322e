import { describe, expect, test } from 'vitest';
import { astText, childrenOf, isQuery, type Ast } from './ast';
import { matchSeries } from './matching';

const time = { offset: 0, timestamp: null, startOrEnd: null };
const up: Ast = {
  type: 'vectorSelector',
  name: 'up',
  matchers: [
    { name: '__name__', type: '=', value: 'up' },
    { name: 'a.b', type: '=~', value: 'x="y"' },
  ],
  ...time,
};
const plain: Ast = { ...up, matchers: [{ name: '__name__', type: '=', value: 'up' }] };
const range: Ast = {
  ...plain,
  type: 'matrixSelector',
  range: 5_400_000,
  offset: -300_000,
  startOrEnd: 'end',
};
const number: Ast = { type: 'numberLiteral', val: '3' };

describe('syntax trees as text', () => {
  test.each<[Ast, string]>([
    [up, 'up{"a.b"=~"x=\\"y\\""}'],
    [{ ...plain, name: '', matchers: [] }, '{}'],
    [range, 'up[1h30m] @ end() offset -5m'],
    [{ ...plain, timestamp: 1500 }, 'up @ 1.500'],
    [
      { type: 'call', func: { name: 'rate', returnType: 'vector' }, args: [range] },
      'rate(up[1h30m] @ end() offset -5m)',
    ],
    [
      { type: 'aggregation', op: 'topk', expr: plain, param: number, grouping: ['a', 'b.c'], without: true },
      'topk without (a, "b.c") (3, up)',
    ],
    [{ type: 'aggregation', op: 'sum', expr: plain, param: null, grouping: [], without: false }, 'sum (up)'],
    [
      {
        type: 'binaryExpr',
        op: '*',
        bool: false,
        lhs: plain,
        rhs: { type: 'parenExpr', expr: plain },
        matching: { card: 'many-to-one', include: ['y'], labels: ['x'], on: true },
      },
      'up * on (x) group_left (y) (up)',
    ],
    [{ type: 'binaryExpr', op: '>', bool: true, lhs: plain, rhs: number, matching: null }, 'up > bool 3'],
    [{ type: 'subquery', expr: plain, range: 300_000, step: 0, ...time }, 'up[5m:]'],
    [{ type: 'unaryExpr', op: '-', expr: plain }, '-up'],
    [{ type: 'stringLiteral', val: 'a"b' }, '"a\\"b"'],
    [
      {
        ...plain,
        type: 'matrixSelector',
        range: 0,
        rangeExpr: {
          type: 'durationExpr',
          op: '*',
          lhs: number,
          rhs: { type: 'durationExpr', op: 'step', lhs: null, rhs: null, wrapped: false },
          wrapped: true,
        },
      },
      'up[(3s * step())]',
    ],
  ])('%#', (node, text) => {
    expect(astText(node)).toBe(text);
  });
  test('children and what can be run alone', () => {
    expect(
      childrenOf({ type: 'aggregation', op: 'topk', expr: up, param: number, grouping: [], without: false }),
    ).toEqual([number, up]);
    expect([up, range, number].map(isQuery)).toEqual([true, false, false]);
  });
});

describe('matching', () => {
  const left = [
    { __name__: 'a', x: '1', y: '1' },
    { __name__: 'a', x: '1', y: '2' },
    { __name__: 'a', x: '2', y: '1' },
  ];
  const right = [
    { __name__: 'b', x: '1' },
    { __name__: 'b', x: '3' },
  ];
  test('on the named labels', () => {
    const result = matchSeries(left, right, { card: 'many-to-one', include: [], labels: ['x'], on: true });
    expect([result.matched, result.leftOnly, result.rightOnly]).toEqual([1, 1, 1]);
    expect(result.groups[0]).toEqual({ labels: { x: '1' }, left: left.slice(0, 2), right: [right[0]] });
  });
  test('ignoring some, the name always', () => {
    const result = matchSeries(left, right, { card: 'many-to-one', include: [], labels: ['y'], on: false });
    expect(result.matched).toBe(1);
    expect(matchSeries(left, right, { card: 'one-to-one', include: [], labels: [], on: false }).matched).toBe(
      0,
    );
  });
});
