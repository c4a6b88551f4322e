// What helps to understand an expression: the metrics explorer, the explanation, the heatmap.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAccessible, editorOf, launch, open, readEditor, screenshot } from './lib/browser.mjs';
import { Backend, hostileText, missing, waitUntil } from './lib/server.mjs';

const skip = missing();
const backend = new Backend();
let browser;

const params = (page) => new URL(page.url()).searchParams;
const link = (state) => `${backend.url}/query?${new URLSearchParams(state)}`;

describe('exploring', { skip }, () => {
  before(async () => {
    await backend.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await backend.stop();
  });

  test('metrics explorer: find by words and type, choose label values, insert and graph', async () => {
    const page = await open(browser, `${backend.url}/query`);
    await editorOf(page).waitFor();
    await page.getByRole('button', { name: 'Metrics explorer' }).click();
    const dialog = page.getByRole('dialog', { name: 'Metrics explorer' });
    await dialog.getByRole('searchbox').fill('nx took');
    await waitUntil(async () => (await dialog.locator('.metric').count()) === 3, 'three series of the histogram');
    await dialog.getByRole('searchbox').fill('nx');
    await dialog.getByLabel('Type').selectOption('gauge');
    await dialog.getByRole('button', { name: /^nx_wave/ }).waitFor();
    assert.equal(await dialog.getByRole('button', { name: /^nx_took/ }).count(), 0);
    await assertAccessible(page, 'list of metrics');
    await screenshot(page, 'metrics-explorer');
    await dialog.getByRole('button', { name: /^nx_wave/ }).click();
    await dialog.getByText('30 series').waitFor();
    await dialog.getByRole('button', { name: 'phase', exact: true }).click();
    await dialog.getByRole('button', { name: '7', exact: true }).click();
    await dialog.getByText('1 series').waitFor();
    await assertAccessible(page, 'one metric');
    await dialog.getByRole('button', { name: 'Insert' }).click();
    await waitUntil(async () => (await readEditor(page)) === 'nx_wave{phase="7"}', 'inserted');
    await page.getByRole('button', { name: 'Metrics explorer' }).click();
    await dialog.getByRole('searchbox').fill('scrapes_total');
    await dialog.getByRole('button', { name: /^prometheus_target_scrapes?_/ }).or(dialog.getByText('No metric matches.')).first().waitFor();
    await page.keyboard.press('Escape');
    await page.finish();
  });

  test('metrics explorer: names and help are text', async () => {
    const page = await open(browser, `${backend.url}/query`);
    await page.getByRole('button', { name: 'Metrics explorer' }).click();
    const dialog = page.getByRole('dialog', { name: 'Metrics explorer' });
    await dialog.getByRole('searchbox').fill('nx_hostile');
    await dialog.getByText(hostileText).waitFor();
    await dialog.getByRole('button', { name: /^nx_hostile/ }).click();
    await dialog.getByRole('button', { name: 'text', exact: true }).click();
    await dialog.getByRole('button', { name: hostileText }).click();
    await dialog.getByText('1 series').waitFor();
    assert.equal(await page.evaluate('window.pwned'), undefined);
    assert.equal(await page.locator('img:not(.cm-widgetBuffer)').count(), 0);
    await dialog.getByRole('button', { name: 'Graph', exact: true }).click();
    await page.locator('.chart-plot').waitFor();
    await page.finish();
  });

  test('explanation: counts of each part, one part alone, groups that match', async () => {
    const expr = 'sum by (job) (nx_wave) / on (job) group_left () count by (job) (up)';
    const page = await open(browser, link({ 'g0.expr': expr, 'g0.tab': 'table', 'g0.show_tree': '1' }));
    const part = (text) => page.locator('.tree-node').filter({ has: page.getByText(text, { exact: true }) });
    await part('nx_wave').getByText('30 series').waitFor();
    await part('nx_wave').getByText('phase: 30').waitFor();
    await part('sum by (job) (nx_wave)').getByText('1 series').waitFor();
    await page.locator('.tree-match summary').click();
    const jobs = (await backend.query('count by (job) (up)')).result.length;
    assert.match(await page.locator('.tree-match summary').innerText(), new RegExp(`^1 group matches, 0 only left, ${jobs - 1} only right`));
    await assertAccessible(page, 'explanation');
    await screenshot(page, 'explanation');
    await page.getByRole('button', { name: 'nx_wave', exact: true }).click();
    await page.getByText('Only a part of the expression is shown.').waitFor();
    await page.getByText('30 rows').waitFor();
    assert.equal(params(page).get('g0.expr'), expr);
    await page.getByRole('button', { name: 'Show the whole' }).click();
    await page.getByText('1 row', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'More actions for A' }).click();
    await page.getByRole('menuitem', { name: 'Hide the explanation' }).click();
    await page.locator('.tree').waitFor({ state: 'detached' });
    assert.equal(params(page).get('g0.show_tree'), '0');
    await page.finish();
  });

  test('explanation and JSON are tabs, which links name and arrow keys reach', async () => {
    const page = await open(browser, link({ 'g0.expr': 'count(nx_wave)', 'g0.tab': 'explain' }));
    await page.getByRole('tab', { name: 'Explain', selected: true }).waitFor();
    await page.locator('.tree-node').filter({ hasText: '30 series' }).first().waitFor();
    await page.getByRole('tab', { name: 'Explain' }).focus();
    await page.keyboard.press('ArrowRight');
    await waitUntil(async () => params(page).get('g0.tab') === 'json', 'the link says json');
    const answer = page.getByRole('region', { name: 'Answer to A' });
    await answer.waitFor();
    const { status, data } = JSON.parse(await answer.innerText());
    assert.equal(status, 'success');
    assert.deepEqual(data.result.map((s) => [s.metric, s.value[1]]), [[{}, '30']]);
    assert.match(await answer.innerText(), /"value": \[\d+(\.\d+)?, "30"\]/);
    await page.keyboard.press('ArrowRight');
    await page.getByText('1 row', { exact: true }).waitFor();
    await page.getByRole('tab', { name: 'Explain' }).click();
    await page.getByRole('button', { name: 'nx_wave', exact: true }).click();
    await page.getByText('30 rows').waitFor();
    assert.equal(params(page).get('g0.tab'), 'table');
    await page.finish();
  });

  test('heatmap: offered for buckets, cells by pointer and by keys', async () => {
    const page = await open(browser, link({ 'g0.expr': 'rate(nx_took_seconds_bucket[10s])', 'g0.tab': 'graph', 'g0.range_input': '1m' }));
    await page.getByRole('radio', { name: 'heatmap' }).check();
    const plot = page.getByRole('application', { name: /^Heatmap of .*3 buckets/ });
    await plot.focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowUp');
    const cell = page.locator('.heat-cell');
    await waitUntil(async () => / in \(0\.1, 0\.5\]$/.test(await cell.innerText()), 'the cell by keys');
    // Of nine observations a second five lie there: 7 − 2.
    assert.match(await cell.innerText(), /: 5(\.\d+)? in|: 4\.\d+ in/);
    assert.equal(params(page).get('g0.display_mode'), 'heatmap');
    await assertAccessible(page, 'heatmap');
    await screenshot(page, 'heatmap');
    const box = await plot.boundingBox();
    await page.mouse.move(box.x + box.width - 10, box.y + 10);
    await waitUntil(async () => / in \(0\.5, \+Inf\]$/.test(await cell.innerText()), 'the cell by pointer');
    await page.finish();
  });

  test('a heatmap of what has no buckets says so and draws lines', async () => {
    const page = await open(browser, link({ 'g0.expr': 'nx_wave', 'g0.tab': 'graph', 'g0.range_input': '5m', 'g0.display_mode': 'heatmap' }));
    await page.getByText(/no buckets/).waitFor();
    await page.locator('.chart-plot').waitFor();
    await page.finish();
  });
});
