// Accessibility, small screens, layout shift and pictures of every page.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAccessible, colouredPixels, editorOf, launch, open, screenshot, settledOverflow, sidewaysOverflow } from './lib/browser.mjs';
import { Backend, missing, waitUntil } from './lib/server.mjs';

const skip = missing();
const backend = new Backend();
let browser;

const graph = '/query?g0.expr=nx_wave&g0.tab=graph&g0.range_input=5m';
const pages = {
  query: { path: '/query', ready: (page) => editorOf(page).waitFor() },
  graph: { path: graph, ready: (page) => waitUntil(async () => (await colouredPixels(page)) > 100, 'the line is drawn') },
  table: { path: '/query?g0.expr=nx_wave&g0.tab=table', ready: (page) => page.locator('.rt-body .rt-row').first().waitFor() },
  explain: { path: '/query?g0.expr=sum(nx_wave)&g0.tab=explain', ready: (page) => page.getByText(/^30 series|^시계열 30/).first().waitFor() },
  json: { path: '/query?g0.expr=nx_wave&g0.tab=json', ready: (page) => page.locator('.json-text').waitFor() },
  queries: { path: '/explore/queries', ready: (page) => page.locator('h1').waitFor() },
  relabelling: {
    path: `/explore/relabel?${new URLSearchParams({ rules: '- action: drop\n  source_labels: [a]\n  regex: c', labels: 'a="b"' })}`,
    ready: (page) => page.locator('.relabel li').first().waitFor(),
  },
  targets: { path: '/targets', ready: (page) => page.locator('.target-target').first().waitFor() },
  discovery: { path: '/service-discovery', ready: (page) => page.locator('.found-target').first().waitFor() },
  cardinality: { path: '/tsdb-status', ready: (page) => page.locator('.counts').nth(3).waitFor() },
  selector: { path: '/tsdb-status?match=nx_wave&focus=phase', ready: (page) => page.locator('.counts').nth(2).waitFor() },
  config: { path: '/config#L3', ready: (page) => page.locator('.yaml-line').first().waitFor() },
  flags: { path: '/flags', ready: (page) => page.locator('.flags').waitFor() },
  status: { path: '/status', ready: (page) => page.locator('.facts').nth(2).waitFor() },
};

describe('looks', { skip }, () => {
  before(async () => {
    await backend.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await backend.stop();
  });

  for (const [name, { path, ready }] of Object.entries(pages)) {
    for (const theme of ['dark', 'light']) {
      for (const width of [1280, 360]) {
        // Each language meets each theme and each width once.
        const language = (theme === 'dark') === (width === 1280) ? 'en' : 'ko';
        test(`${name}, ${theme}, ${width} px, ${language}: accessible, nothing moves or lies beyond the edge`, async () => {
          const page = await open(browser, backend.url + path, { theme, width, language });
          await ready(page);
          const [shift, moved] = await page.evaluate('[nxShift, nxShifted]');
          assert.ok(shift <= 0.02, `cumulative layout shift ${shift}: ${moved.join(', ')}`);
          assert.equal(await page.evaluate('document.documentElement.lang'), language);
          assert.equal(await page.evaluate('document.documentElement.dataset.theme'), theme);
          assert.equal(await sidewaysOverflow(page), 0);
          await screenshot(page, `${name}-${theme}-${width}-${language}`);
          await assertAccessible(page, name);
          if (width === 360) {
            // As with a zoom of 400 %.
            await page.setViewportSize({ width: 320, height: 800 });
            assert.equal(await settledOverflow(page), 0, '320 px');
          }
          await page.finish();
        });
      }
    }
  }

  test('open dialogs, menus and errors are accessible', async () => {
    const page = await open(browser, `${backend.url}/query?g0.expr=sum(&g0.tab=table`, { allowed: [/Failed to load resource/] });
    await page.locator('.error-box').waitFor();
    await assertAccessible(page, 'error');
    await page.getByRole('button', { name: 'More actions for A' }).click();
    await page.getByRole('menu').waitFor();
    await assertAccessible(page, 'menu');
    await page.keyboard.press('Escape');
    for (const name of ['Settings', 'Keys']) {
      await page.getByRole('button', { name, exact: true }).click();
      await page.getByRole('dialog', { name }).waitFor();
      await assertAccessible(page, name);
      await screenshot(page, `dialog-${name.toLowerCase()}`);
      await page.keyboard.press('Escape');
    }
    await page.finish();
  });

  test('settings hold: language, theme and zone change at once and stay', async () => {
    const page = await open(browser, `${backend.url}/targets`);
    await page.getByRole('button', { name: 'Settings' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('radio', { name: 'Light' }).check();
    await dialog.getByRole('radio', { name: '한국어' }).check();
    await page.getByRole('heading', { name: '타깃', level: 1 }).waitFor();
    await dialog.getByRole('radio', { name: 'UTC', exact: true }).check();
    await page.keyboard.press('Escape');
    await page.reload();
    await page.getByRole('heading', { name: '타깃', level: 1 }).waitFor();
    assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'light');
    assert.ok(await page.locator('.header').getByRole('button', { name: 'UTC', exact: true }).isVisible());
    await page.finish();
  });

  test('unknown addresses are no page', async () => {
    const answer = await fetch(`${backend.url}/no-such-page`);
    assert.equal(answer.status, 404);
  });
});
