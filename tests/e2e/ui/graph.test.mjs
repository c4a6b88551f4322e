// What a graph can do beyond lines: exemplars, native histograms, two axes, comparison, pictures to take away. Answers
// that the test server cannot have (it has no sender of exemplars or native histograms) are put in at the border.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { assertAccessible, colouredPixels, editorOf, launch, open, screenshot, sidewaysOverflow } from './lib/browser.mjs';
import { Backend, hostileText, missing, waitUntil } from './lib/server.mjs';

const skip = missing();
const backend = new Backend();
let browser;

const params = (page) => new URL(page.url()).searchParams;
const link = (state) => `${backend.url}/query?${new URLSearchParams({ 'g0.tab': 'graph', 'g0.range_input': '5m', ...state })}`;
const drawn = (page) => waitUntil(async () => (await colouredPixels(page)) > 100, 'the line is drawn');
const success = (data) => ({ json: { status: 'success', data } });
const form = (route) => new URLSearchParams(route.request().postData() ?? '');

async function exported(page, entry) {
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('menuitem', { name: entry }).click();
  return readFileSync(await (await waiting).path());
}

describe('graph', { skip }, () => {
  before(async () => {
    await backend.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await backend.stop();
  });

  test('exemplars: asked for when switched on, dots with labels as text, a link to the trace', async () => {
    const page = await open(browser, link({ 'g0.expr': 'nx_wave' }), { settings: { traceLink: 'https://traces.example/{trace_id}' } });
    const asked = [];
    await page.route('**/api/v1/query_exemplars', (route) => {
      const sent = form(route);
      asked.push(sent);
      const timestamp = (Number(sent.get('start')) + Number(sent.get('end'))) / 2;
      const exemplars = [
        { labels: { trace_id: 'a/1', note: hostileText }, value: '0.25', timestamp },
        { labels: { trace_id: 'b' }, value: 'NaN', timestamp },
      ];
      return route.fulfill(success([{ seriesLabels: { __name__: 'nx_wave', phase: '1' }, exemplars }]));
    });
    await drawn(page);
    assert.equal(asked.length, 0);
    await page.getByRole('button', { name: 'Chart options' }).click();
    await page.getByLabel('Exemplars').check();
    await page.keyboard.press('Escape');
    const list = page.locator('.exemplars');
    await list.getByText('1 exemplar').click();
    await list.getByText(/<script>window\.pwned=1<\/script>/).waitFor();
    assert.equal(await list.getByRole('link', { name: 'Open trace' }).getAttribute('href'), 'https://traces.example/a%2F1');
    assert.equal(asked[0].get('query'), 'nx_wave');
    assert.equal(params(page).get('g0.show_exemplars'), '1');
    // The dot lies in the middle; its text comes up under the pointer.
    const plot = await page.locator('.chart .u-over').boundingBox();
    for (let y = 4; y < plot.height; y += 6) {
      await page.mouse.move(plot.x + plot.width / 2, plot.y + y);
      if (await page.locator('.tooltip-exemplar').count()) break;
    }
    await page.locator('.tooltip-exemplar').getByText('a/1').waitFor();
    await assertAccessible(page, 'exemplars');
    await screenshot(page, 'exemplars');
    assert.equal(await page.evaluate('window.pwned'), undefined);
    await page.finish();
  });

  test('no exemplars: nothing is drawn and the page says so', async () => {
    const page = await open(browser, link({ 'g0.expr': 'nx_wave', 'g0.show_exemplars': '1' }));
    await page.getByText('No exemplars in this range.').waitFor();
    await page.finish();
  });

  test('native histograms are cells, alone or beside lines', async () => {
    const page = await open(browser, `${backend.url}/query`);
    await page.route('**/api/v1/query_range', (route) => {
      const sent = form(route);
      const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(sent.get(name)));
      const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => start + i * step);
      const histograms = times.map((time, i) => [
        time,
        { count: '9', sum: '3', buckets: [[3, '-0.001', '0.001', '1'], [0, '0.5', '1', String(2 + (i % 3))], [0, '1', '2', '4']] },
      ]);
      const result = [{ metric: { __name__: 'h', job: 'a' }, histograms }];
      if (sent.get('query') === 'mixed') result.push({ metric: { __name__: 'f' }, values: times.map((time, i) => [time, String(i % 7)]) });
      return route.fulfill(success({ resultType: 'matrix', result }));
    });
    await page.goto(link({ 'g0.expr': 'h' }));
    const plot = page.getByRole('application', { name: /^Heatmap of .*4 buckets/ });
    await plot.focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await waitUntil(async () => /: 4 in \(1, 2\]$/.test(await page.locator('.heat-cell').innerText()), 'the cell by keys');
    await assertAccessible(page, 'native heatmap');
    await screenshot(page, 'native-histogram');
    await page.goto(link({ 'g0.expr': 'mixed' }));
    await page.getByText('1 native histogram is drawn as heatmap only.').waitFor();
    await drawn(page);
    await page.getByRole('radio', { name: 'heatmap' }).check();
    await plot.waitFor();
    await page.finish();
  });

  test('a second axis for a query, and the same range earlier', async () => {
    const page = await open(browser, link({ 'g0.expr': 'nx_wave{phase="1"}', 'g0.q1': '1e6 * nx_wave{phase="2"}', 'g0.range_input': '1m' }));
    await drawn(page);
    await page.getByRole('button', { name: 'Chart options' }).click();
    await page.getByRole('group', { name: 'By the right axis' }).getByLabel('B').check();
    await page.getByLabel('Compare with').selectOption('3600000');
    await page.keyboard.press('Escape');
    await waitUntil(() => params(page).get('g0.compare') === '1h' && params(page).get('g0.y_right') === '1', 'both are in the address');
    await drawn(page);
    // An hour ago this server did not run: only today's lines are there.
    assert.equal(await page.locator('.chart-plot').getAttribute('data-lines'), '2');
    await page.goto(link({ 'g0.expr': 'vector(time())', 'g0.compare': '1d' }));
    await page.getByRole('button', { name: /^1d earlier/ }).waitFor();
    assert.equal(await page.locator('.chart-plot').getAttribute('data-lines'), '2');
    await assertAccessible(page, 'compared');
    await screenshot(page, 'compared');
    await page.finish();
  });

  test('the chart as SVG and as PNG: title, range, legend, nothing that runs', async () => {
    const page = await open(browser, link({ 'g0.expr': 'nx_hostile or nx_wave{phase=~"[1-3]"}' }));
    await drawn(page);
    const svg = (await exported(page, 'Chart as SVG')).toString();
    assert.match(svg, /^<svg [\s\S]*<\/svg>$/);
    assert.ok(!svg.includes('<script') && !svg.includes('<img') && svg.includes('&lt;script&gt;'));
    // A busy machine misses a scrape now and then: a line may have gaps.
    assert.equal(svg.match(/<path d="M[^"]*l0 0/g).length, 4);
    const parsed = await page.evaluate((text) => {
      const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
      return [parsed.querySelector('parsererror')?.textContent ?? '', parsed.querySelector('title')?.textContent];
    }, svg);
    assert.deepEqual(parsed, ['', 'nx_hostile or nx_wave{phase=~"[1-3]"}']);
    const png = await exported(page, 'Chart as PNG');
    assert.equal(png.subarray(1, 4).toString(), 'PNG');
    assert.equal(png.readUInt32BE(16), 1920);
    await page.finish();
  });

  test('steps, bars, points and closed gaps draw, and are in the address', async () => {
    const page = await open(browser, link({ 'g0.expr': 'nx_wave{phase=~"[1-3]"}' }));
    await drawn(page);
    for (const style of ['steps', 'bars', 'points']) {
      await page.getByRole('button', { name: 'Chart options' }).click();
      await page.getByLabel('Draw as').selectOption(style);
      await page.getByLabel('Gaps').selectOption('60000');
      await page.keyboard.press('Escape');
      assert.equal(params(page).get('g0.style'), style);
      await drawn(page);
    }
    assert.equal(params(page).get('g0.connect'), '1m');
    await page.finish();
  });

  test('ends and unit of the y axis by hand, and Ctrl-drag moves the range', async () => {
    const page = await open(browser, link({ 'g0.expr': 'vector(time() % 600 * 1024)' }));
    await drawn(page);
    await page.getByRole('button', { name: 'Chart options' }).click();
    await page.getByRole('combobox', { name: 'Unit' }).selectOption({ label: 'bytes' });
    await page.getByRole('textbox', { name: 'Y to' }).fill('much');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    await page.getByRole('textbox', { name: 'Y to' }).fill('1048576');
    await page.keyboard.press('Enter');
    await waitUntil(() => params(page).get('g0.y_max') === '1048576' && params(page).get('g0.unit') === 'bytes', page.url());
    await screenshot(page, 'graph-unit');
    await assertAccessible(page, 'chart options');
    await page.keyboard.press('Escape');
    await page.locator('.legend', { hasText: 'KiB' }).waitFor();
    assert.match((await exported(page, 'Chart as SVG')).toString(), /KiB<\/text>/);

    const box = await page.locator('.u-over').boundingBox();
    const from = box.x + box.width * 0.3;
    await page.mouse.move(from, box.y + 60);
    await page.keyboard.down('Control');
    await page.mouse.down();
    await page.mouse.move(from + box.width / 2, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.keyboard.up('Control');
    await waitUntil(() => params(page).get('g0.end_input') !== null, 'the range ends earlier');
    const end = Date.parse(`${params(page).get('g0.end_input').replace(' ', 'T')}Z`);
    const by = (Date.now() - end) / 1000;
    assert.ok(by > 140 && by < 200, `by half of five minutes: ${by} s`);
    assert.equal(params(page).get('g0.range_input'), '5m');
    await page.finish();
  });

  test('command palette: pages, metrics, settings by keys alone', async () => {
    const page = await open(browser, `${backend.url}/query`);
    await editorOf(page).waitFor();
    await editorOf(page).focus();
    await page.keyboard.press('Control+k');
    const dialog = page.getByRole('dialog', { name: 'Command palette' });
    await dialog.getByRole('option').first().waitFor();
    await assertAccessible(page, 'palette');
    await screenshot(page, 'palette');
    await page.keyboard.type('cardin');
    await waitUntil(async () => (await dialog.getByRole('option').count()) === 1, 'one page');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Cardinality', level: 1 }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('nx_wave');
    await dialog.getByRole('option', { name: 'Metric nx_wave' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('30 rows').waitFor();
    assert.equal(params(page).get('g0.expr'), 'nx_wave');
    // On the query page itself it changes the panels in place.
    await page.keyboard.press('Control+k');
    await page.keyboard.type('nx_infinite');
    await dialog.getByRole('option', { name: 'Metric nx_infinite' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('1 row', { exact: true }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('theme light');
    await page.keyboard.press('Enter');
    await waitUntil(() => page.evaluate('document.documentElement.dataset.theme === "light"'), 'the theme changed');
    await page.keyboard.press('Control+k');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.finish();
  });

  test('relabel steps: rule by rule, and which one drops', async () => {
    const page = await open(browser, `${backend.url}/query`, { width: 360 });
    const asked = [];
    await page.route('**/api/v1/targets/relabel_steps?*', (route) => {
      const sent = new URL(route.request().url()).searchParams;
      asked.push([sent.get('scrapePool'), JSON.parse(sent.get('labels'))]);
      const labels = JSON.parse(sent.get('labels'));
      const steps = [
        { rule: { target_label: 'env', replacement: hostileText, action: 'replace' }, output: { ...labels, env: hostileText }, keep: true },
        { rule: { source_labels: ['__address__'], regex: '.*:1', action: 'drop' }, output: {}, keep: false },
        { rule: { action: 'labelmap', regex: 'x' }, output: {}, keep: false },
      ];
      return route.fulfill(success({ steps }));
    });
    await page.goto(`${backend.url}/service-discovery?state=dropped`);
    await page.getByRole('button', { name: 'Relabel steps' }).first().click();
    const dialog = page.getByRole('dialog', { name: /^Relabelling of/ });
    await dialog.getByText('dropped by rule 2').waitFor();
    await dialog.getByText('not reached').waitFor();
    assert.equal(await dialog.locator('ins').innerText(), hostileText);
    assert.equal(asked[0][0], 'relabelled');
    assert.equal(asked[0][1].__address__, '127.0.0.1:1');
    assert.equal(await sidewaysOverflow(page), 0);
    await assertAccessible(page, 'relabel steps');
    await screenshot(page, 'relabel-steps');
    await page.keyboard.press('Escape');
    await page.goto(`${backend.url}/targets?pool=self`);
    await page.getByRole('button', { name: /^Actions for/ }).click();
    await page.getByRole('menuitem', { name: 'Relabel steps' }).click();
    await dialog.getByText('dropped by rule 2').waitFor();
    assert.equal(asked.at(-1)[0], 'self');
    assert.equal(await page.evaluate('window.pwned'), undefined);
    await page.finish();
  });

  test('blocks on disk, newest first', async () => {
    const page = await open(browser, `${backend.url}/query`);
    const block = (ulid, minTime, level) => ({
      ulid,
      minTime,
      maxTime: minTime + 7_200_000,
      stats: { numSamples: 1000, numSeries: 10, numChunks: 20 },
      compaction: { level, sources: [ulid] },
    });
    await page.route('**/api/v1/status/tsdb/blocks', (route) =>
      route.fulfill(success({ blocks: [block('01OLD', 0, 2), block('01NEW', 7_200_000, 1)] })),
    );
    await page.goto(`${backend.url}/tsdb-status`);
    await page.getByText('Blocks on disk').click();
    const rows = page.locator('.blocks tbody tr');
    await waitUntil(async () => (await rows.count()) === 2, 'two blocks');
    assert.match(await rows.first().innerText(), /01NEW[\s\S]*2h[\s\S]*1,000/);
    await assertAccessible(page, 'blocks');
    await page.finish();
  });
});
