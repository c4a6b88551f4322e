// The sizes of the build, gzip −9, against the budgets of the design. Needs `npm run build`.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const manifest = fileURLToPath(new URL('../dist/manifest.txt', import.meta.url));
const kB = 1000;

interface File {
  url: string;
  // As sent to a client that takes gzip.
  bytes: number;
}

function files(): File[] {
  const sizes = new Map<string, number>();
  for (const line of readFileSync(manifest, 'utf8').split('\n')) {
    const [url, encoding, , bytes] = line.split('\t');
    if (!url || url.startsWith('#')) continue;
    if (encoding === 'identity' || encoding === 'gzip') sizes.set(url, Number(bytes));
  }
  return [...sizes].map(([url, bytes]) => ({ url, bytes }));
}

describe.skipIf(!existsSync(manifest))('budgets of the build', () => {
  const size = (pattern: RegExp) =>
    files()
      .filter((f) => pattern.test(f.url))
      .reduce((sum, f) => sum + f.bytes, 0);

  test('the query page is usable within 160 kB: page, core, chart, styles, two fonts', () => {
    // What the page names, and what its scripts import without being asked.
    const folder = manifest.replace('manifest.txt', '');
    const html = readFileSync(`${folder}index.html`, 'utf8');
    const wanted = new Set(['/index.html']);
    const follow = (url: string) => {
      if (wanted.has(url)) return;
      wanted.add(url);
      if (!url.endsWith('.js')) return;
      const source = readFileSync(folder + url, 'utf8');
      for (const [, name] of source.matchAll(/(?:\bfrom|^import|;import)\s*"\.\/([^"]+)"/g)) {
        follow(`/assets/${name}`);
      }
    };
    for (const [, name] of html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) follow(`/${name}`);
    const first = files()
      .filter((file) => wanted.has(file.url))
      .reduce((sum, file) => sum + file.bytes, 0);
    expect([...wanted].some((url) => url.endsWith('.woff2'))).toBe(true);
    expect(first).toBeGreaterThan(50 * kB);
    expect(first).toBeLessThanOrEqual(160 * kB);
  });
  test.each([
    ['the editor', /codemirror-[^/]*\.js$/, 150],
    ['the Korean catalogue', /\/ko-[^/]*\.js$/, 15],
    ['the targets page', /TargetsPage-[^/]*\.js$/, 25],
    ['the discovery page', /DiscoveryPage-[^/]*\.js$/, 25],
    ['the cardinality page', /TsdbPage-[^/]*\.js$/, 25],
    ['the configuration page', /ConfigPage-[^/]*\.js$/, 25],
    ['the queries page', /QueriesPage-[^/]*\.js$/, 25],
    ['the flags page', /FlagsPage-[^/]*\.js$/, 25],
    ['the status page', /StatusPage-[^/]*\.js$/, 25],
    ['the metrics explorer', /MetricsDialog-[^/]*\.js$/, 25],
    ['the explanation', /Tree-[^/]*\.js$/, 25],
    ['the heatmap', /HeatChart-[^/]*\.js$/, 25],
    ['styles', /\.css$/, 16],
    ['all scripts', /\.js$/, 520],
  ])('%s', (_, pattern, limit) => {
    expect(size(pattern)).toBeGreaterThan(0);
    expect(size(pattern)).toBeLessThanOrEqual(limit * kB);
  });
  test('the build is not larger than what may be embedded', () => {
    const all = readFileSync(manifest, 'utf8')
      .split('\n')
      .filter((l) => l && !l.startsWith('#'))
      .reduce((sum, l) => sum + Number(l.split('\t')[3]), 0);
    expect(all).toBeLessThanOrEqual(3000 * kB);
  });
  test('the page has no inline script or style', () => {
    const html = readFileSync(manifest.replace('manifest.txt', 'index.html'), 'utf8');
    expect(html).not.toMatch(/<style|style="|<script(?![^>]* src=)/);
  });
});
