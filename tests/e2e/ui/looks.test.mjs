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

  // What may be seen of an element beside its text.
  const look = (locator) =>
    locator.evaluate((element) => {
      const style = getComputedStyle(element);
      return [style.backgroundColor, style.color, style.outlineStyle, style.borderLeftWidth, style.borderBottomColor].join();
    });

  for (const theme of ['dark', 'light']) {
    test(`${theme}: where more contrast is wanted, all text has seven to one`, async () => {
      for (const [name, { path, ready }] of Object.entries(pages)) {
        const page = await open(browser, backend.url + path, { theme, contrast: 'more' });
        await ready(page);
        await assertAccessible(page, name, 'color-contrast-enhanced');
        await page.finish();
      }
    });

    test(`${theme}: with the colours of the system, what is chosen and what is drawn can be told`, async () => {
      const options = { theme, forcedColors: 'active' };
      const page = await open(browser, backend.url + graph, options);
      await pages.graph.ready(page);
      assert.ok(await page.evaluate("matchMedia('(forced-colors: active)').matches"));
      assert.notEqual(await look(page.getByRole('tab', { selected: true })), await look(page.getByRole('tab', { selected: false }).first()));
      assert.notEqual(await look(page.locator('.node[aria-current]')), await look(page.locator('.node:not([aria-current])').first()));
      const modes = page.getByRole('radio');
      await modes.nth(1).waitFor({ state: 'attached' });
      assert.notEqual(await look(page.locator('.segmented input:checked + span')), await look(page.locator('.segmented input:not(:checked) + span').first()));
      const chart = page.getByRole('application');
      await chart.focus();
      await page.keyboard.press('End');
      await page.locator('.tooltip .swatch').first().waitFor();
      const colours = await page.locator('.tooltip .swatch').evaluateAll((all) => all.map((swatch) => getComputedStyle(swatch).backgroundColor));
      assert.ok(new Set(colours).size >= 12, `swatches: ${colours}`);
      await screenshot(page, `forced-colors-${theme}-graph`);
      await assertAccessible(page, 'graph');
      // The pictures' ground is that of their theme: their lines and numbers are made for it.
      const ground = await page.locator('.chart-host').evaluate((host) => [getComputedStyle(host).backgroundColor, getComputedStyle(document.documentElement).getPropertyValue('--surface')]);
      assert.equal(ground[0], theme === 'dark' ? 'rgb(20, 23, 19)' : 'rgb(253, 254, 252)', ground.join());
      // In the editor: what is marked, and which completion is chosen.
      await editorOf(page).focus();
      await page.keyboard.press('Control+a');
      const marked = page.locator('.cm-selectionBackground').first();
      await marked.waitFor();
      assert.notEqual(await marked.evaluate((e) => getComputedStyle(e).backgroundColor), await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      await page.keyboard.type('nx_w');
      const chosen = page.locator('.cm-tooltip-autocomplete li[aria-selected]');
      await chosen.waitFor();
      const other = page.locator('.cm-tooltip-autocomplete li:not([aria-selected])').first();
      if (await other.count()) assert.notEqual(await look(chosen), await look(other));
      await page.keyboard.press('Escape');
      await page.finish();

      const targets = await open(browser, `${backend.url}/targets?health=up,down`, options);
      await pages.targets.ready(targets);
      const chips = targets.locator('.health-filter .chip');
      assert.notEqual(await look(chips.first()), await look(chips.last()));
      const shapes = await targets.locator('.health-filter .shape').evaluateAll((all) => all.map((shape) => getComputedStyle(shape).backgroundColor));
      assert.equal(new Set(shapes).size, 3, `shapes: ${shapes}`);
      assert.notEqual(await look(targets.locator('.target-target[data-health=down]')), await look(targets.locator('.target-target[data-health=up]').first()));
      await screenshot(targets, `forced-colors-${theme}-targets`);
      await assertAccessible(targets, 'targets');
      await targets.finish();

      const config = await open(browser, `${backend.url}/config#L3`, options);
      await pages.config.ready(config);
      assert.notEqual(await look(config.locator('.yaml-line[data-linked]')), await look(config.locator('.yaml-line').first()));
      await assertAccessible(config, 'config');
      await config.keyboard.press('Control+k');
      const item = config.locator('.palette-item[aria-selected=true]');
      await item.waitFor();
      assert.notEqual(await look(item), await look(config.locator('.palette-item[aria-selected=false]').first()));
      await assertAccessible(config, 'palette');
      await config.finish();
    });
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
