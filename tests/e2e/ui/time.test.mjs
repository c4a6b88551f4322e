// Times: the picker, words such as now/d, the clock, the first page, refresh by the scrape interval.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAccessible, colouredPixels, launch, open, screenshot, settledOverflow } from './lib/browser.mjs';
import { Backend, missing, waitUntil } from './lib/server.mjs';

const skip = missing();
const backend = new Backend();
let browser;

const params = (page) => new URL(page.url()).searchParams;
const graph = '/query?g0.expr=nx_wave&g0.tab=graph&g0.range_input=5m';
const drawn = (page) => waitUntil(async () => (await colouredPixels(page)) > 100, 'lines are drawn');

describe('times', { skip }, () => {
  before(async () => {
    await backend.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await backend.stop();
  });

  test('the picker: a range in words, a link that keeps them, the calendar by keyboard', async () => {
    // The server has been there for seconds only: what it scraped may lie between two points of a day.
    const page = await open(browser, `${backend.url}/query?g0.expr=vector(time())&g0.tab=graph&g0.range_input=5m`);
    await drawn(page);
    const opener = page.getByRole('button', { name: 'Choose the time range' });
    await opener.click();
    await page.getByRole('button', { name: 'Today so far' }).click();
    await waitUntil(() => params(page).get('g0.from') === 'now/d', 'the link says now/d');
    const field = page.getByRole('textbox', { name: 'Range' }).or(page.getByRole('combobox', { name: 'Range' }));
    assert.equal(await field.inputValue(), 'now/d');
    await waitUntil(async () => /00:00:00 –/.test(await page.locator('.panel-range').innerText()), 'the day begins at midnight');
    await page.reload();
    await page.locator('.chart-plot').waitFor();
    assert.equal(params(page).get('g0.from'), 'now/d');

    // A longer or shorter range is a length again.
    await page.getByRole('button', { name: 'Shorter range' }).click();
    await waitUntil(() => params(page).get('g0.from') === null, 'no words any more');

    await opener.click();
    const from = page.getByRole('textbox', { name: 'From', exact: true });
    await from.fill('tomorrow');
    await from.press('Enter');
    await page.getByRole('alert').waitFor();
    assert.equal(await from.getAttribute('aria-invalid'), 'true');
    await assertAccessible(page, 'picker with an error');
    await page.locator('.calendar button[tabindex="0"]').focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    const day = (await from.inputValue()).slice(0, 10);
    assert.match(await from.inputValue(), /^\d{4}-\d\d-\d\d 00:00:00$/);
    await page.getByText('Choose the last day, or apply.').waitFor();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    assert.equal(await from.inputValue(), `${day} 00:00:00`);
    await page.getByRole('button', { name: 'Apply' }).click();
    await waitUntil(() => params(page).get('g0.range_input') === '47h59m59s', page.url());
    await page.finish();
  });

  for (const theme of ['dark', 'light']) {
    for (const width of [1280, 360]) {
      const language = (theme === 'dark') === (width === 1280) ? 'en' : 'ko';
      test(`the open picker, ${theme}, ${width} px, ${language}: accessible, inside the window`, async () => {
        const page = await open(browser, backend.url + graph, { theme, width, language });
        await drawn(page);
        await page.locator('.controls button[aria-haspopup="dialog"]').first().click();
        await page.locator('.calendar').waitFor();
        await waitUntil(async () => {
          const box = await page.locator('.popover:popover-open').boundingBox();
          return box && box.x >= 0 && box.x + box.width <= width && box.y >= 0;
        }, 'the picker is inside the window');
        await screenshot(page, `picker-${theme}-${width}-${language}`);
        await assertAccessible(page, 'picker');
        assert.equal(await settledOverflow(page), 0);
        await page.finish();
      });
    }
  }

  test('the end of a table may be said in words', async () => {
    const page = await open(browser, `${backend.url}/query?g0.expr=vector(time())&g0.tab=table`);
    await page.getByRole('button', { name: 'Choose the time', exact: true }).click();
    await page.getByRole('button', { name: 'End of yesterday' }).click();
    await waitUntil(() => params(page).get('g0.to') === 'now-1d/d', 'in the link');
    await page.getByRole('button', { name: 'Back to now' }).click();
    await waitUntil(() => params(page).get('g0.to') === null, 'gone');
    await page.finish();
  });

  test('a 12-hour clock, a first page and refresh by the scrape interval are kept', async () => {
    const page = await open(browser, backend.url + graph);
    await drawn(page);
    await page.getByRole('combobox', { name: 'Refresh interval' }).selectOption({ label: 'auto' });
    const at = await page.locator('.panel-range').innerText();
    // The servers of these tests scrape each second.
    await waitUntil(async () => (await page.locator('.panel-range').innerText()) !== at, 'refreshed by itself');
    await page.getByRole('button', { name: 'Settings' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('radio', { name: '12 hours' }).check();
    await dialog.getByRole('combobox', { name: 'First page' }).selectOption({ label: 'Targets' });
    await page.keyboard.press('Escape');
    await waitUntil(async () => / [ap]m/.test(await page.locator('.panel-range').innerText()), 'the clock of the page');
    await screenshot(page, 'clock-12');
    await page.goto(`${backend.url}/`);
    await page.waitForURL(/\/targets$/);
    await page.goto(`${backend.url}/?g0.expr=up`);
    await page.waitForURL(/\/query\?g0\.expr=up/);
    await page.finish();
  });
});
