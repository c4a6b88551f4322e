import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calcs } from './calcs';
import { decodeRange, toFrame, type Grid } from './decode';
import { csvLong, csvRow, csvTable, csvWide, tsvTable } from './export';
import { commonLabels, labelHash, labelNames, seriesText } from './labels';

const grid: Grid = { startMs: 1000, endMs: 5000, stepMs: 1000 };

function bytes(value: unknown): ArrayBuffer {
  return new TextEncoder().encode(JSON.stringify(value)).buffer as ArrayBuffer;
}

describe('range answers as columns', () => {
  const frame = toFrame(
    [
      {
        metric: { a: '1' },
        values: [
          [1, '1'],
          [2, '2.5'],
          [5, 'NaN'],
        ],
      },
      {
        metric: { a: '2' },
        values: [
          [3, '+Inf'],
          [4, '-Inf'],
        ],
      },
      { metric: { a: '3' }, histograms: [[1, { count: '1', sum: '1' }]] },
    ],
    grid,
  );
  test('samples go to their step; gaps stay open', () => {
    expect(frame.points).toBe(5);
    expect([...frame.values.subarray(0, 5)]).toEqual([1, 2.5, NaN, NaN, NaN]);
    expect([...frame.present]).toEqual([1, 1, 0, 0, 1, 0, 0, 1, 1, 0]);
    expect(frame.infinite).toBe(2);
    expect(frame.series).toEqual([{ a: '1' }, { a: '2' }]);
    expect(frame.histogramSeries).toBe(1);
  });
  test('samples outside the grid are left out', () => {
    expect([
      ...toFrame(
        [
          {
            metric: {},
            values: [
              [0, '1'],
              [9, '1'],
            ],
          },
        ],
        grid,
      ).present,
    ]).toEqual([0, 0, 0, 0, 0]);
  });
  test('fractions of a step fall on their own step', () => {
    const fine: Grid = { startMs: 1_795_000_000_123, endMs: 1_795_000_001_123, stepMs: 100 };
    const values = Array.from({ length: 11 }, (_, i): [number, string] => [
      (fine.startMs + i * 100) / 1000,
      String(i),
    ]);
    expect([...toFrame([{ metric: {}, values }], fine).values]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
  test('an answer keeps warnings; anything else is an error with the reason', () => {
    const good = { status: 'success', data: { resultType: 'matrix', result: [] }, warnings: ['w'] };
    expect(decodeRange(bytes(good), grid).warnings).toEqual(['w']);
    expect(() => decodeRange(bytes({ status: 'error', error: 'because' }), grid)).toThrow('because');
    expect(() =>
      decodeRange(bytes({ status: 'success', data: { resultType: 'vector', result: [] } }), grid),
    ).toThrow('vector');
  });
  test('reductions skip gaps', () => {
    expect(calcs(frame.values.subarray(0, 5))).toEqual({ last: 2.5, mean: 1.75, min: 1, max: 2.5 });
    expect(calcs(new Float64Array([NaN]))).toEqual({ last: NaN, mean: NaN, min: NaN, max: NaN });
    expect(calcs(new Float64Array([1, Infinity, 3]))).toEqual({ last: 3, mean: 2, min: 1, max: Infinity });
  });
  test('CSV long has a row for each sample, NaN included', () => {
    const lines = csvLong([frame]).trimEnd().split('\r\n');
    expect(lines[0]).toBe('timestamp,a,value');
    expect(lines).toHaveLength(6);
    expect(lines[3]).toBe('1970-01-01T00:00:05.000Z,1,NaN');
    expect(lines[4]).toBe('1970-01-01T00:00:03.000Z,2,+Inf');
  });
  test('CSV wide has a column for each series', () => {
    const lines = csvWide([frame]).trimEnd().split('\r\n');
    expect(lines[0]).toBe('timestamp,"{a=""1""}","{a=""2""}"');
    expect(lines[1]).toBe('1970-01-01T00:00:01.000Z,1,');
    expect(lines).toHaveLength(6);
  });
});

describe('CSV cells', () => {
  test('quotes, commas and line ends are quoted', () => {
    expect(csvRow(['a,b', 'say "x"', 'two\nlines', 'plain'])).toBe(
      '"a,b","say ""x""","two\nlines",plain\r\n',
    );
  });
  test('what a spreadsheet would run is defused; numbers stay numbers', () => {
    expect(csvRow(['=cmd()', '@x', '+1', '-2.5', '-Inf'])).toBe("'=cmd(),'@x,+1,-2.5,-Inf\r\n");
  });
  test('tables', () => {
    const rows = [{ labels: { b: 'x\ty' }, timeMs: 0, value: '1' }];
    expect(csvTable(rows)).toBe('b,timestamp,value\r\nx\ty,1970-01-01T00:00:00.000Z,1\r\n');
    expect(tsvTable(rows)).toBe('b\ttimestamp\tvalue\nx y\t1970-01-01T00:00:00.000Z\t1');
  });
});

describe('label sets', () => {
  test('the text is a selector', () => {
    expect(seriesText({ __name__: 'up', job: 'a"b', instance: 'c\\d' })).toBe(
      'up{instance="c\\\\d", job="a\\"b"}',
    );
    expect(seriesText({ __name__: 'up' })).toBe('up');
    expect(seriesText({})).toBe('{}');
    expect(seriesText({ __name__: 'my.metric', 'a.b': 'c' })).toBe('{"my.metric", "a.b"="c"}');
    expect(seriesText({ __name__: 'up', job: 'x' }, new Set(['job']))).toBe('up');
  });
  test('the hash does not depend on the order of labels', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (labels) => {
        const reversed = Object.fromEntries(Object.entries(labels).reverse());
        return labelHash(labels) === labelHash(reversed);
      }),
    );
    expect(labelHash({ a: 'bc' })).not.toBe(labelHash({ ab: 'c' }));
  });
  test('common labels are those with one value everywhere', () => {
    expect(commonLabels([{ a: '1', b: '2' }, { a: '1', b: '3' }, { a: '1' }])).toEqual({ a: '1' });
    expect(commonLabels([{ a: '1' }])).toEqual({});
    expect(labelNames([{ b: '', __name__: 'x' }, { a: '' }])).toEqual(['__name__', 'a', 'b']);
  });
});
