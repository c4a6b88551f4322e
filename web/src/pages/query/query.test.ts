import fc from 'fast-check';
import { lineStyles } from '../../chart/model';
import { units } from '../../units/unit';
import { describe, expect, test } from 'vitest';
import type { QueryData } from '../../api/types';
import { errorSpan } from '../../promql/error-position';
import type { QueryOutcome } from './run';
import { groupRows, sortRows, tableColumns, tableRows } from './table';
import { decodePanels, effectiveStepMs, encodePanels, newPanel, withChange, type PanelOptions } from './url';

describe('links', () => {
  test('a link of the Prometheus UI', () => {
    const [panel] = decodePanels(
      '?g0.expr=rate(up%5B5m%5D)&g0.show_tree=0&g0.tab=graph&g0.end_input=2026-11-22%2009:00:00&g0.moment_input=2026-11-22%2009:00:00&g0.range_input=2h&g0.res_type=fixed&g0.res_step=15&g0.display_mode=stacked&g0.y_axis_min=0&g0.show_exemplars=0',
    );
    expect(panel).toEqual({
      exprs: ['rate(up[5m])'],
      tab: 'graph',
      endMs: Date.UTC(2026, 10, 22, 9),
      rangeMs: 7_200_000,
      from: '',
      to: '',
      resolution: { type: 'step', stepMs: 15_000, custom: false },
      mode: 'stacked',
      showTree: false,
      yZero: true,
      yLog: false,
      yMin: null,
      yMax: null,
      unit: 'none',
      exemplars: false,
      rightAxis: [],
      compareMs: 0,
      style: 'line',
      connectMs: 0,
      groupBy: '',
    });
  });
  test.each([
    ['g0.expr=up&g0.tab=0', { tab: 'graph' }],
    ['g0.expr=up&g0.tab=1', { tab: 'table' }],
    ['g0.expr=up&g0.show_tree=1', { showTree: true }],
    ['g0.expr=up&g0.display_mode=heatmap', { mode: 'heatmap' }],
    ['g0.expr=up&g0.stacked=1', { mode: 'stacked' }],
    ['g0.expr=up&g0.step_input=30', { resolution: { type: 'step', stepMs: 30_000, custom: true } }],
    ['g0.expr=up&g0.res_type=auto&g0.res_density=high', { resolution: { type: 'density', density: 'high' } }],
    ['g0.expr=up&g0.relative_time=6h', { rangeMs: 21_600_000 }],
    ['g0.expr=up&g0.range_input=nonsense', { rangeMs: 3_600_000 }],
    ['g0.expr=a&g0.q1=b&g0.q2=c', { exprs: ['a', 'b', 'c'] }],
    ['g0.expr=up&g0.show_exemplars=1', { exemplars: true }],
    ['g0.expr=up&g0.y_right=0,2,x,17&g0.compare=1d', { rightAxis: [0, 2], compareMs: 86_400_000 }],
    ['g0.expr=up&g0.style=steps&g0.connect=5m', { style: 'steps', connectMs: 300_000 }],
    ['g0.expr=up&g0.style=none', { style: 'line' }],
    ['g0.expr=up&g0.y_min=-1.5&g0.y_max=1e3&g0.unit=bytes', { yMin: -1.5, yMax: 1000, unit: 'bytes' }],
    ['g0.expr=up&g0.y_min=&g0.y_max=x&g0.unit=stones', { yMin: null, yMax: null, unit: 'none' }],
    ['g0.expr=up&g0.from=now/d&g0.to=now', { from: 'now/d', to: '' }],
    ['g0.expr=up&g0.from=now-1d/d&g0.to=now-1d/d', { from: 'now-1d/d', to: 'now-1d/d' }],
    ['g0.expr=up&g0.from=yesterday&g0.to=soon', { from: '', to: '' }],
    ['', { exprs: [''] }],
  ] as [string, Partial<PanelOptions>][])('%s', (search, part) => {
    expect(decodePanels(search)[0]).toMatchObject(part);
  });
  test('several panels', () => {
    expect(decodePanels('g0.expr=a&g1.expr=b&g3.expr=d').map((p) => p.exprs[0])).toEqual(['a', 'b']);
  });
  test('what is written is read back', () => {
    const panel: fc.Arbitrary<PanelOptions> = fc.record({
      exprs: fc.array(fc.string(), { minLength: 1, maxLength: 4 }),
      tab: fc.constantFrom('table', 'graph'),
      endMs: fc.option(
        fc.integer({ min: 10 ** 9, max: 4 * 10 ** 9 }).map((s) => s * 1000),
        { nil: null },
      ),
      rangeMs: fc.integer({ min: 1, max: 10 ** 7 }).map((s) => s * 1000),
      from: fc.constantFrom('', 'now/d', 'now-1d/d', '1795307405000'),
      to: fc.constantFrom('', 'now-1d/d', '1795307405000'),
      resolution: fc.oneof(
        fc.constant({ type: 'auto' as const }),
        fc
          .constantFrom('low' as const, 'medium' as const, 'high' as const)
          .map((density) => ({ type: 'density' as const, density })),
        fc.record({
          type: fc.constant('step' as const),
          stepMs: fc.integer({ min: 1, max: 10 ** 6 }).map((s) => s * 1000),
          custom: fc.boolean(),
        }),
      ),
      mode: fc.constantFrom('lines', 'stacked', 'percent', 'heatmap'),
      showTree: fc.boolean(),
      yZero: fc.boolean(),
      yLog: fc.boolean(),
      yMin: fc.option(
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((v) => !Object.is(v, -0)),
        { nil: null },
      ),
      yMax: fc.option(fc.integer(), { nil: null }),
      unit: fc.constantFrom(...units),
      exemplars: fc.boolean(),
      rightAxis: fc.uniqueArray(fc.integer({ min: 0, max: 9 })),
      style: fc.constantFrom(...lineStyles),
      groupBy: fc.string(),
      connectMs: fc.integer({ min: 0, max: 10 ** 6 }).map((seconds) => seconds * 1000),
      compareMs: fc.integer({ min: 0, max: 10 ** 6 }).map((seconds) => seconds * 1000),
    });
    fc.assert(
      fc.property(fc.array(panel, { minLength: 1, maxLength: 4 }), (panels) => {
        expect(decodePanels(encodePanels(panels))).toEqual(panels);
      }),
    );
  });
  test('any address is survived', () => {
    fc.assert(fc.property(fc.webQueryParameters(), (search) => decodePanels(search).length > 0));
  });
});

describe('times', () => {
  const now = Date.UTC(2026, 10, 22, 14, 30);
  const today = { ...newPanel(), from: 'now/d' };
  test('a new end or length takes the place of words', () => {
    expect(withChange(today, { rangeMs: 60_000 }, now, 'UTC')).toMatchObject({
      from: '',
      endMs: null,
      rangeMs: 60_000,
    });
    expect(withChange(today, { endMs: now - 1000 }, now, 'UTC')).toMatchObject({
      from: '',
      endMs: now - 1000,
      rangeMs: 14.5 * 3_600_000,
    });
    const yesterday = { ...today, from: 'now-1d/d', to: 'now-1d/d' };
    expect(withChange(yesterday, { rangeMs: 60_000 }, now, 'UTC')).toMatchObject({
      from: '',
      to: '',
      endMs: Date.UTC(2026, 10, 22) - 1,
      rangeMs: 60_000,
    });
  });
  test('other changes leave them', () => {
    expect(withChange(today, { yLog: true }, now, 'UTC')).toMatchObject({ from: 'now/d', yLog: true });
    expect(withChange(today, { from: '', to: '', endMs: null, rangeMs: 1000 }, now, 'UTC').from).toBe('');
  });
});

describe('steps', () => {
  const hour = 3_600_000;
  test('auto is about a point for two pixels, on a round step', () => {
    expect(effectiveStepMs({ type: 'auto' }, hour, 1000)).toBe(10_000);
    expect(effectiveStepMs({ type: 'auto' }, 60_000, 1000)).toBe(1000);
    expect(effectiveStepMs({ type: 'auto' }, 30 * 24 * hour, 1000) % 60_000).toBe(0);
  });
  test('densities are those of the Prometheus UI', () => {
    expect(effectiveStepMs({ type: 'density', density: 'medium' }, hour, 1000)).toBe(14_000);
  });
  test('the server never gets asked for more points than it accepts', () => {
    const resolution = fc.constantFrom(
      { type: 'auto' as const },
      { type: 'step' as const, stepMs: 1000, custom: true },
      { type: 'density' as const, density: 'high' as const },
    );
    fc.assert(
      fc.property(
        resolution,
        fc.integer({ min: 1000, max: 10 ** 11 }),
        fc.integer({ min: 0, max: 8000 }),
        (r, range, width) => {
          return Math.floor(range / effectiveStepMs(r, range, width)) <= 11_000;
        },
      ),
    );
  });
});

function outcome(data: QueryData): QueryOutcome {
  return {
    expr: '',
    path: 'query',
    params: {},
    error: null,
    frame: null,
    earlier: null,
    exemplars: null,
    data,
    raw: null,
    stats: undefined,
    warnings: [],
    infos: [],
  };
}

describe('table rows', () => {
  test('vectors, matrices, scalars, strings and histograms', () => {
    const rows = tableRows([
      outcome({
        resultType: 'vector',
        result: [
          { metric: { a: '1' }, value: [5, '2'] },
          { metric: { a: '2' }, histogram: [5, { count: '3', sum: '4' }] },
        ],
      }),
      null,
      outcome({
        resultType: 'matrix',
        result: [
          {
            metric: { a: '3' },
            values: [
              [1, '1'],
              [2, '+Inf'],
            ],
          },
        ],
      }),
      outcome({ resultType: 'scalar', result: [5, '7'] }),
      outcome({ resultType: 'string', result: [5, 'seven'] }),
    ]);
    expect(rows.map((r) => [r.query, r.value, r.timeMs])).toEqual([
      [0, '2', 5000],
      [0, '3', 5000],
      [2, '+Inf', 2000],
      [3, '7', 5000],
      [4, 'seven', 5000],
    ]);
    expect(rows[1]?.histogram?.sum).toBe('4');
    expect(rows[2]?.samples).toHaveLength(2);
    expect(rows[2]?.number).toBe(Infinity);
    expect(rows[4]?.number).toBeNaN();
  });
  const rows = tableRows([
    outcome({
      resultType: 'vector',
      result: [
        { metric: { job: 'x', i: 'a10' }, value: [0, '3'] },
        { metric: { job: 'x', i: 'a9' }, value: [0, 'NaN'] },
        { metric: { job: 'x', i: 'a1', z: '1' }, value: [0, '20'] },
      ],
    }),
  ]);
  test('labels sort by their numbers, values with NaN last', () => {
    expect(sortRows(rows, { by: 'i', down: false }).map((r) => r.labels['i'])).toEqual(['a1', 'a9', 'a10']);
    expect(sortRows(rows, { by: '', down: true }).map((r) => r.value)).toEqual(['20', '3', 'NaN']);
    expect(sortRows(rows, { by: '', down: false }).map((r) => r.value)).toEqual(['3', '20', 'NaN']);
    expect(sortRows(rows, null)).toEqual(rows);
  });
  test('limits of buckets sort by size, numbers before words', () => {
    const les = ['10', '+Inf', '0.5', 'word', '1e-3', '', '2.5'];
    const buckets = tableRows([
      outcome({
        resultType: 'vector',
        result: les.map((le) => ({ metric: { le }, value: [0, '1'] })),
      }),
    ]);
    expect(sortRows(buckets, { by: 'le', down: false }).map((r) => r.labels['le'] ?? '')).toEqual([
      '',
      '1e-3',
      '0.5',
      '2.5',
      '10',
      '+Inf',
      'word',
    ]);
  });
  test('labels that do not differ can be folded', () => {
    expect(tableColumns(rows, false).names).toEqual(['i', 'job', 'z']);
    expect(tableColumns(rows, true)).toEqual({ names: ['i', 'z'], common: { job: 'x' } });
  });
  test('rows stand under the values of a label, in the order of the values, those without it last', () => {
    const shape = (by: string, folded: string[] = [], down = false) =>
      groupRows(rows, by, new Set(folded), down).map((item) =>
        item.kind === 'row' ? item.row.labels['i'] : `${item.value}: ${item.count}${item.folded ? ' …' : ''}`,
      );
    expect(shape('')).toEqual(['a10', 'a9', 'a1']);
    expect(shape('job')).toEqual(['x: 3', 'a10', 'a9', 'a1']);
    expect(shape('z')).toEqual(['1: 1', 'a1', ': 2', 'a10', 'a9']);
    expect(shape('z', [''])).toEqual(['1: 1', 'a1', ': 2 …']);
    expect(shape('i')).toEqual(['a1: 1', 'a1', 'a9: 1', 'a9', 'a10: 1', 'a10']);
    expect(shape('i', ['a9'], true)).toEqual(['a10: 1', 'a10', 'a9: 1 …', 'a1: 1', 'a1']);
  });
});

describe('places of errors', () => {
  test.each([
    ['sum(foo', '1:8: parse error: unclosed left parenthesis', 6, 7],
    ['foo bar', 'invalid parameter "query": 1:5: parse error: unexpected identifier "bar"', 4, 7],
    ['a +\n  foo{x}', '2:7: parse error: unexpected "}"', 10, 11],
    ['"é" + foo bar', '1:12: parse error: unexpected identifier "bar"', 10, 13],
  ])('%s', (expression, message, from, to) => {
    expect(errorSpan(expression, message)).toMatchObject({ from, to });
  });
  test('messages without a place have none', () => {
    expect(errorSpan('up', 'query timed out in query execution')).toBeNull();
    expect(errorSpan('up', '9:1: parse error: x')).toBeNull();
    expect(errorSpan('', '1:1: parse error: no expression found in input')).toBeNull();
  });
  test('a new panel is empty', () => expect(newPanel().exprs).toEqual(['']));
});
