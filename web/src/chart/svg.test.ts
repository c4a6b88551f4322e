import { describe, expect, test } from 'vitest';
import { toFrame } from '../frame/decode';
import { chartData } from './model';
import { chartSvg, niceTicks, xmlText, type SvgOptions } from './svg';

const colors = {
  palette: Array.from({ length: 12 }, (_, i) => `#00000${i % 10}`),
  text: '#111111',
  muted: '#222222',
  line: '#333333',
  surface: '#ffffff',
};

function document(labels: Record<string, string>[], values: string[], right: number[] = []): SvgOptions {
  const grid = { startMs: 0, endMs: (values.length - 1) * 1000, stepMs: 1000 };
  const frames = labels.map((metric) =>
    toFrame([{ metric, values: values.map((v, i): [number, string] => [i, v]) }], grid),
  );
  const data = chartData(frames, [], right)!;
  return {
    data,
    lines: data.lines,
    mode: 'lines',
    style: 'line',
    connectMs: 0,
    yZero: false,
    yLog: false,
    title: 'up < 1 & "x"',
    zone: 'UTC',
    colors,
    legend: (line) => JSON.stringify(line.labels),
    more: (count) => `+ ${count}`,
  };
}

describe('SVG of a chart', () => {
  test('hostile text stays text and the document has no style, script or foreign address', () => {
    const svg = chartSvg(document([{ a: '<script>alert(1)</script>\u0000' }], ['1', '2', '3']));
    expect(svg).not.toMatch(/<script|style=|javascript:|href/);
    expect(svg).toContain('&lt;script&gt;');
    expect(svg).toContain('up &lt; 1 &amp; &quot;x&quot;');
    expect(svg).not.toContain('\u0000');
    expect(xmlText('a\u0007b')).toBe('a\ufffdb');
  });
  test('one path a line, gaps break it, every number is finite', () => {
    const svg = chartSvg(document([{ a: '1' }, { a: '2' }], ['1', 'NaN', '+Inf', '3']));
    const lines = [...svg.matchAll(/<path d="(M[^"]*l0 0[^"]*)"/g)].map((m) => m[1] as string);
    expect(lines).toHaveLength(2);
    for (const d of lines) expect(d.match(/M/g)).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
  test('styles: steps go across and up, bars from below, points stand alone, short gaps are drawn over', () => {
    const base = document([{ a: '1' }], ['1', 'NaN', '3', '4']);
    const drawn = (more: Partial<SvgOptions>) =>
      /stroke-linecap="[a-z]+">\n<path d="([^"]*)"/.exec(chartSvg({ ...base, ...more }))?.[1] ?? '';
    const shape = (more: Partial<SvgOptions>) => drawn(more).replace(/[^A-Za-z]/g, '');
    expect(shape({})).toBe('MlMlL');
    expect(shape({ connectMs: 2000 })).toBe('MlLL');
    expect(shape({ connectMs: 1000 })).toBe('MlMlL');
    expect(shape({ style: 'steps' })).toBe('MlMlHV');
    expect(shape({ style: 'bars' })).toBe('MVMVMV');
    expect(shape({ style: 'points' })).toBe('MlMlMl');
    expect(shape({ style: 'bars', mode: 'stacked' })).toBe('MlMlL');
  });
  test('limits and units set by hand are those of the picture', () => {
    const base = document([{ a: '1' }], ['512', '1024', '2048']);
    const svg = chartSvg({ ...base, yMin: 0, yMax: 1024, unit: 'bytes' });
    expect(svg).toContain('0.98 KiB<');
    expect(svg).not.toContain('2.0 KiB<');
    expect(svg).toContain('clip-path="url(#plot)"');
    expect(chartSvg({ ...base, yMin: 5, yMax: -5 })).toBe(chartSvg(base));
    expect(chartSvg({ ...base, yLog: true, yMin: -1, yMax: 10 })).not.toMatch(/NaN|Infinity/);
  });
  test('all modes and axes draw within the plot', () => {
    const base = document([{ a: '1' }, { a: '2' }], ['1', '100', '3'], [1]);
    for (const options of [
      base,
      { ...base, mode: 'stacked' as const },
      { ...base, mode: 'percent' as const },
      { ...base, yLog: true },
      { ...document([{ a: 'flat' }], ['5', '5']) },
    ]) {
      const svg = chartSvg(options);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      const drawn = [...svg.matchAll(/<path d="(M[^"]*l0 0[^"]*)"/g)].map((m) => m[1]).join('');
      expect(drawn).not.toBe('');
      for (const [, y] of drawn.matchAll(/[ML][\d.]+ ([\d.-]+)/g)) {
        expect(Number(y)).toBeGreaterThanOrEqual(51);
        expect(Number(y)).toBeLessThanOrEqual(420);
      }
    }
  });
  test('a long legend is cut and says so', () => {
    const svg = chartSvg(
      document(
        Array.from({ length: 45 }, (_, i) => ({ i: String(i) })),
        ['1', '2'],
      ),
    );
    expect(svg).toContain('+ 5</text>');
  });
  test('ticks are round and inside', () => {
    expect(niceTicks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(niceTicks(0.07, 0.31, 6)).toEqual([0.1, 0.15, 0.2, 0.25, 0.3]);
    expect(niceTicks(3, 3, 6)).toEqual([3]);
  });
});
