// The query page in a real browser.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { assertAccessible, colouredPixels, editorOf, launch, open, readEditor, screenshot, sidewaysOverflow, writeEditor } from './lib/browser.mjs';
import { Backend, hostileText, missing, waitUntil } from './lib/server.mjs';

const skip = missing();
const backend = new Backend();
let browser;

const params = (page) => new URL(page.url()).searchParams;
const link = (state) => `${backend.url}/query?${new URLSearchParams(state)}`;
const graph = (expr, more = {}) => link({ 'g0.expr': expr, 'g0.tab': 'graph', 'g0.range_input': '5m', ...more });
const table = (expr) => link({ 'g0.expr': expr, 'g0.tab': 'table' });
const refused = [/Failed to load resource.*40[0-9]|422/];

describe('completion by the search API', { skip }, () => {
  const searching = new Backend(['--enable-feature=search-api']);
  let chromium;
  before(async () => {
    await searching.start();
    chromium = await launch();
  });
  after(async () => {
    await chromium?.close();
    await searching.stop();
  });

  test('names and values that fit by their letters alone, and no list of all', async () => {
    const page = await open(chromium, `${searching.url}/query`);
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await editorOf(page).waitFor();
    await editorOf(page).focus();
    // Letters in their order, in any case; no name holds them as a word.
    await page.keyboard.type('nxTkBk', { delay: 20 });
    const option = page.locator('.cm-tooltip-autocomplete li', { hasText: 'nx_took_seconds_bucket' });
    await option.waitFor();
    assert.match(await option.innerText(), /counter/);
    // Letters taken back find more again.
    for (let i = 0; i < 4; i++) await page.keyboard.press('Backspace');
    await page.locator('.cm-tooltip-autocomplete li', { hasText: 'nx_wave' }).waitFor();
    await writeEditor(page, 'nx_wave{phase="2');
    await page.locator('.cm-tooltip-autocomplete li', { hasText: '29' }).waitFor();
    assert.ok(asked.includes('/api/v1/search/metric_names') && asked.includes('/api/v1/search/label_values'), asked.join());
    assert.deepEqual(asked.filter((path) => path.endsWith('/values')), []);
    await page.finish();
  });
});

describe('query page', { skip }, () => {
  before(async () => {
    await backend.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await backend.stop();
  });

  test('journey: type, complete, run, see a line, zoom, copy the link, reopen it', async () => {
    const page = await open(browser, `${backend.url}/`);
    await page.waitForURL(/\/query/);
    // The textarea works before the editor is there, and what was typed survives the change.
    await page.getByRole('textbox', { name: 'Expression A' }).focus();
    await page.keyboard.type('rate(');
    await editorOf(page).waitFor();
    await page.keyboard.type('scrape_samp', { delay: 30 });
    const completion = page.locator('.cm-tooltip-autocomplete li', { hasText: 'scrape_samples_scraped' });
    await completion.waitFor();
    await completion.click();
    await page.keyboard.type('[30s]', { delay: 20 });
    // The editor closes the bracket that was typed into it; one typed into the textarea stays open.
    assert.match(await readEditor(page), /^rate\(scrape_samples_scraped\[30s\]\){0,2}$/);

    await writeEditor(page, 'sum by (job) (scrape_samples_scraped)');
    // Enter alone would take a completion whose list came late.
    await page.keyboard.press('Control+Enter');
    await page.getByRole('cell', { name: 'hostile' }).waitFor();
    await page.getByRole('tab', { name: 'Graph' }).click();
    await page.locator('.chart-plot').waitFor();
    // 30m, 15m, 5m, 1m: the server is some seconds old.
    for (let i = 0; i < 4; i++) await page.getByRole('button', { name: 'Shorter range' }).click();
    await waitUntil(async () => (await colouredPixels(page)) > 200, 'a line is drawn');
    assert.equal(params(page).get('g0.expr'), 'sum by (job) (scrape_samples_scraped)');
    assert.equal(params(page).get('g0.range_input'), '1m');
    await screenshot(page, 'journey-graph');

    const box = await page.locator('.u-over').boundingBox();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 100);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.9, box.y + 100, { steps: 8 });
    await page.mouse.up();
    await waitUntil(() => params(page).get('g0.range_input') === '24s', `zoomed (${page.url()})`);
    assert.ok(params(page).get('g0.end_input'));
    await waitUntil(async () => (await colouredPixels(page)) > 100, 'the zoomed line is drawn');

    await page.getByRole('button', { name: 'Copy link' }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, page.url());
    const again = await open(browser, copied);
    await editorOf(again).waitFor();
    assert.equal(await readEditor(again), 'sum by (job) (scrape_samples_scraped)');
    await waitUntil(async () => (await colouredPixels(again)) > 100, 'the reopened line is drawn');
    await again.finish();

    // Back undoes the zoom.
    await page.goBack();
    await waitUntil(() => params(page).get('g0.range_input') === '1m', 'back to the range before');
    await page.finish();
  });

  test('keyboard alone: run, move over the chart, zoom, toggle the legend', async () => {
    const page = await open(browser, graph('nx_wave'));
    await page.locator('.chart-plot').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await page.locator('.tooltip li').first().waitFor();
    const spoken = page.locator('.chart [aria-live]');
    await waitUntil(async () => /\d{4}-\d\d-\d\d .*nx_wave.*: -?[\d.]+/.test(await spoken.innerText()), 'the point is spoken');
    await page.keyboard.press('Enter');
    await page.locator('.tooltip[data-pinned]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.tooltip').waitFor({ state: 'detached' });
    await page.keyboard.press('-');
    await waitUntil(() => params(page).get('g0.range_input') === '10m', 'zoomed out');
    await page.keyboard.press('0');
    await waitUntil(() => params(page).get('g0.range_input') === '5m', 'zoomed back');
    await page.locator('.legend-entry').first().focus();
    await page.keyboard.press('Space');
    await waitUntil(async () => (await page.locator('.legend-row[data-off]').count()) === 1, 'one is off');
    await page.keyboard.press('Enter');
    await waitUntil(async () => (await page.locator('.legend-entry[aria-pressed=true]').count()) === 1, 'only one is left');
    await page.finish();
  });

  test('the server’s errors are shown word for word, with their place', async () => {
    const page = await open(browser, graph('sum(up'), { allowed: refused });
    const box = page.locator('.error-box');
    await box.waitFor();
    assert.match(await box.innerText(), /bad_data[\s\S]*parse error: unclosed left parenthesis/);
    await editorOf(page).waitFor();
    await page.locator('.cm-lintRange-error').first().waitFor();
    await writeEditor(page, 'up');
    await page.keyboard.press('Enter');
    await box.waitFor({ state: 'detached' });
    await page.locator('.chart-plot').waitFor();
    await page.finish();
  });

  test('names that come late open no list over what is used by then', async () => {
    for (const leave of ['stay', 'run', 'blur']) {
      const page = await open(browser, `${backend.url}/query`);
      await editorOf(page).waitFor();
      let release;
      const released = new Promise((done) => (release = done));
      let held = 0;
      await page.route(/\/api\/v1\/(label|search|metadata)/, async (route) => {
        held++;
        await released;
        await route.continue().catch(() => undefined);
      });
      await page.locator('.cm-content').focus();
      await page.keyboard.type('nx_wa', { delay: 20 });
      await waitUntil(() => held > 0, 'names are asked for');
      if (leave === 'run') await page.keyboard.press('Control+Enter');
      if (leave === 'blur') await page.getByRole('button', { name: 'Shorter range' }).or(page.getByRole('tab', { name: 'Graph' })).first().focus();
      const answered = page.waitForResponse(/\/api\/v1\/(label|search|metadata)/);
      release();
      await answered;
      const list = page.locator('.cm-tooltip-autocomplete');
      if (leave === 'stay') await list.waitFor();
      // As long as a list takes that opens.
      await page.waitForTimeout(1000);
      assert.equal(await list.count(), leave === 'stay' ? 1 : 0, leave);
      await page.finish();
    }
  });

  test('label values and help texts are text', async () => {
    const page = await open(browser, table('nx_hostile'));
    await page.getByRole('cell', { name: hostileText }).waitFor();
    await page.getByRole('tab', { name: 'Graph' }).click();
    await page.locator('.legend-text', { hasText: 'nx_hostile' }).or(page.locator('.legend-common')).first().waitFor();
    await page.locator('.chart-plot').focus();
    await page.keyboard.press('End');
    await page.locator('.tooltip', { hasText: 'onerror' }).waitFor();
    await writeEditor(page, 'nx_hos');
    await page.keyboard.press('Control+Space');
    await page.locator('.cm-tooltip-autocomplete li', { hasText: 'nx_hostile' }).waitFor();
    assert.equal(await page.evaluate('window.pwned'), undefined);
    assert.equal(await page.locator('img').count(), 0);
    await page.finish();
  });

  test('the table sorts, filters, folds labels and exports', async () => {
    const page = await open(browser, table('nx_wave'));
    await page.getByRole('cell', { name: 'nx_wave' }).first().waitFor();
    const phases = () => page.locator('.rt-body .rt-row').evaluateAll((rows) => rows.map((r) => r.children[3].textContent));
    await page.getByRole('button', { name: 'phase' }).click();
    await waitUntil(async () => (await phases()).slice(0, 3).join() === '0,1,2', 'sorted by number');
    await page.getByRole('searchbox', { name: 'Filter rows' }).fill('phase="7"');
    await waitUntil(async () => (await page.locator('.rt-body .rt-row').count()) === 1, 'filtered');
    await page.getByRole('searchbox', { name: 'Filter rows' }).fill('');
    await page.getByText('Only differing labels').click();
    await waitUntil(async () => (await page.getByRole('columnheader').count()) === 2, 'common labels are folded');
    await page.getByRole('button', { name: 'Export' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: 'CSV, one row per sample' }).click(),
    ]);
    const lines = readFileSync(await download.path(), 'utf8').trimEnd().split('\r\n');
    assert.equal(lines[0], '__name__,instance,job,phase,timestamp,value');
    assert.equal(lines.length, 31);
    await page.finish();
  });

  test('rows of the table stand in groups by a label, which fold; the link keeps the label', async () => {
    const page = await open(browser, table('nx_took_seconds_bucket or nx_wave{phase=~"[0-4]"}'), { width: 360 });
    const groups = page.locator('.rt-group button');
    const select = page.getByLabel('Group rows by');
    await select.selectOption({ label: 'By le' });
    await waitUntil(async () => (await groups.count()) >= 3, 'groups');
    assert.deepEqual((await groups.allInnerTexts()).slice(0, 3).map((text) => text.replace(/\s+/g, ' ').trim()), [
      'le="0.1" 1 row',
      'le="0.5" 1 row',
      'le="+Inf" 1 row',
    ]);
    assert.equal(await page.getByRole('columnheader', { name: 'le', exact: true }).count(), 0);
    assert.equal(new URL(page.url()).searchParams.get('g0.group_by'), 'le');
    assert.equal(await sidewaysOverflow(page), 0);
    await assertAccessible(page, 'groups');
    // By keys alone; what a group holds goes and comes with it.
    const rows = page.locator('.rt-body .rt-row');
    const before = await rows.count();
    await groups.first().focus();
    await page.keyboard.press('Enter');
    await waitUntil(async () => (await rows.count()) === before - 1, 'the first group is folded');
    assert.equal(await groups.first().getAttribute('aria-expanded'), 'false');
    await page.getByRole('button', { name: 'Unfold all' }).click();
    await waitUntil(async () => (await rows.count()) === before, 'unfolded');
    await page.getByRole('button', { name: 'Fold all' }).click();
    await waitUntil(async () => (await rows.count()) === 0 && (await groups.count()) === 4, 'all are folded');
    assert.match(await groups.last().innerText(), /le=""\s*5 rows/);
    const reopened = await open(browser, page.url());
    await reopened.locator('.rt-group').first().waitFor();
    await reopened.getByLabel('Group rows by').selectOption({ label: 'No groups' });
    await reopened.locator('.rt-group').first().waitFor({ state: 'detached' });
    assert.equal(new URL(reopened.url()).searchParams.get('g0.group_by'), null);
    await reopened.goBack();
    await reopened.locator('.rt-group').first().waitFor();
    await reopened.finish();
    await page.finish();
  });

  test('the tooltip lists all series, the nearest, or none; what was chosen stays', async () => {
    const page = await open(browser, graph('nx_wave'));
    await waitUntil(async () => (await colouredPixels(page)) > 100, 'the lines are drawn');
    const chart = page.getByRole('application');
    const choose = async (mode) => {
      await page.getByRole('button', { name: 'Chart options' }).click();
      await page.getByLabel('Tooltip').selectOption(mode);
      await page.keyboard.press('Escape');
      await chart.focus();
      await page.keyboard.press('End');
    };
    await chart.focus();
    await page.keyboard.press('End');
    await waitUntil(async () => (await page.locator('.tooltip li').count()) === 30, 'all series');
    await choose('single');
    await waitUntil(async () => (await page.locator('.tooltip li').count()) === 1, 'the nearest');
    await choose('none');
    await page.locator('.tooltip').waitFor({ state: 'detached' });
    // The cursor still moves and still reads what is under it.
    const spoken = page.locator('.chart [aria-live]');
    const last = await spoken.textContent();
    assert.match(last, /nx_wave\{.*: -?\d/);
    await page.keyboard.press('ArrowLeft');
    await waitUntil(async () => (await spoken.textContent()) !== last, 'the cursor moved');
    assert.equal(await page.locator('.tooltip').count(), 0);
    await page.reload();
    await waitUntil(async () => (await colouredPixels(page)) > 100, 'drawn again');
    await chart.focus();
    await page.keyboard.press('End');
    await waitUntil(async () => (await spoken.textContent()) !== '', 'the cursor is there');
    assert.equal(await page.locator('.tooltip').count(), 0);
    await page.finish();
  });

  test('several queries share a graph; a hidden one is gone', async () => {
    const page = await open(browser, graph('nx_wave{phase="1"}', { 'g0.q1': 'nx_wave{phase="2"}' }));
    await waitUntil(async () => (await page.locator('.legend-entry').count()) === 2, 'two series');
    await page.getByRole('button', { name: 'B', exact: true }).click();
    await waitUntil(async () => (await page.locator('.legend-entry').count()) === 1, 'one series');
    await page.finish();
  });

  test('empty results say why and offer a way on', async () => {
    const page = await open(browser, graph('nx_no_such_metric'));
    await page.getByText('No series matched.').waitFor();
    await page.getByRole('button', { name: 'Extend the range to 15m' }).click();
    await waitUntil(() => params(page).get('g0.range_input') === '15m', 'extended');
    await page.finish();
  });

  test('values that cannot be drawn do not stop the rest', async () => {
    const page = await open(browser, graph('nx_infinite or nx_not_a_number or nx_wave'));
    await waitUntil(async () => (await colouredPixels(page)) > 100, 'the others are drawn');
    await page.getByText(/infinite and not drawn/).waitFor();
    await page.finish();
  });

  test('a running query can be cancelled, and the request with it', async () => {
    const page = await open(browser, `${backend.url}/query`);
    let aborted = 0;
    page.on('requestfailed', (request) => request.url().includes('/api/v1/query') && aborted++);
    await page.route('**/api/v1/query', () => {});
    await editorOf(page).waitFor();
    await writeEditor(page, 'up');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('button', { name: 'Cancel' }).first().click();
    await page.getByText(/^Cancelled after/).waitFor();
    await waitUntil(() => aborted === 1, 'the request is aborted');
    await page.unroute('**/api/v1/query');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('cell', { name: 'up' }).first().waitFor();
    await page.finish();
  });

  test('a lost connection is announced, and the page recovers by itself', async () => {
    const page = await open(browser, table('up'), { allowed: [/ERR_(FAILED|CONNECTION)/] });
    await page.getByRole('cell', { name: 'up' }).first().waitFor();
    await page.route(/\/(api|-)\//, (route) => route.abort('connectionrefused'));
    await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('.banner').getByText(/No connection to the server/).waitFor();
    await page.unroute(/\/(api|-)\//);
    // In one step: the page tries by itself too, and then the button is gone.
    const tryNow = page.locator('.banner').getByRole('button', { name: 'Try now' });
    await tryNow.evaluateAll((buttons) => buttons.forEach((button) => button.click()));
    await page.locator('.banner').waitFor({ state: 'detached' });
    await page.getByRole('cell', { name: 'up' }).first().waitFor();
    await page.finish();
  });

  test('history: what was run comes back', async () => {
    const page = await open(browser, `${backend.url}/query`);
    await editorOf(page).waitFor();
    for (const expr of ['up', 'nx_wave']) {
      await writeEditor(page, expr);
      await page.keyboard.press('Control+Enter');
      await page.getByRole('cell', { name: expr, exact: true }).first().waitFor();
    }
    await editorOf(page).focus();
    await page.keyboard.press('Alt+ArrowUp');
    await page.keyboard.press('Alt+ArrowUp');
    await waitUntil(async () => (await readEditor(page)) === 'up', 'the query before');
    await page.getByRole('button', { name: 'History' }).first().click();
    await page.getByRole('dialog').getByRole('button', { name: 'nx_wave' }).click();
    await waitUntil(async () => (await readEditor(page)) === 'nx_wave', 'taken from the history');
    await page.finish();
  });

  test('10,000 series are drawn as density, stay hoverable, and keep the page small', async () => {
    const page = await open(browser, `${backend.url}/query`);
    await page.route('**/api/v1/query_range', async (route) => {
      const asked = new URLSearchParams(route.request().postData());
      const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(asked.get(name)));
      const result = [];
      for (let s = 0; s < 10_000; s++) {
        const values = [];
        for (let at = start; at <= end; at += step) values.push([at, String(Math.sin(s + at / 100) + s / 1000)]);
        result.push({ metric: { __name__: 'many', series: String(s) }, values });
      }
      await route.fulfill({ json: { status: 'success', data: { resultType: 'matrix', result } } });
    });
    await page.evaluate(() => {
      globalThis.nxLong = [];
      new PerformanceObserver((list) => nxLong.push(...list.getEntries().map((e) => e.duration))).observe({ type: 'longtask' });
    });
    await page.goto(graph('many', { 'g0.res_type': 'custom', 'g0.res_step': '5' }), { waitUntil: 'commit' });
    await page.getByText('10,000 series drawn as density').waitFor({ timeout: 180_000 });
    await waitUntil(async () => (await colouredPixels(page)) > 5000, 'the image is there');
    await page.locator('.chart-plot').hover();
    await page.locator('.tooltip li').waitFor();
    assert.equal(await page.locator('.tooltip li').count(), 1);
    const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
    assert.ok(nodes <= 3000, `${nodes} nodes`);
    const session = await page.context().newCDPSession(page);
    await session.send('HeapProfiler.collectGarbage');
    const heap = await page.evaluate(() => performance.memory.usedJSHeapSize);
    assert.ok(heap <= 150e6, `${Math.round(heap / 1e6)} MB of heap`);
    await screenshot(page, 'density-10000');
    await page.finish();
  });
});
