// The queries of the server: seen while they run, canceled from the page, listed when they were slow or failed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAccessible, launch, open, screenshot, settledOverflow } from './lib/browser.mjs';
import { Backend, missing, waitUntil } from './lib/server.mjs';

const skip = missing();
const backend = new Backend();
let browser;

// Forty series of 11,000 steps, each looking through two hours of seconds: half a minute, unless somebody ends it.
const clocks = Array.from({ length: 40 }, (_, i) => `label_replace(vector(time() % 7919), "n", "${i}", "", "")`);
const heavy = `quantile_over_time(0.9, (${clocks.join(' or ')})[2h:1s])`;
const ask = (query, more = {}) =>
  fetch(`${backend.url}/api/v1/query_range`, {
    method: 'POST',
    body: new URLSearchParams({ query, start: '1000000', end: '1010999', step: '1', timeout: '100s', ...more }),
  }).then(async (answer) => ({ status: answer.status, body: await answer.json() }));

describe('queries of the server', { skip }, () => {
  before(async () => {
    await backend.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await backend.stop();
  });

  test('one that runs is seen and canceled; then it is among those that failed', async () => {
    const page = await open(browser, `${backend.url}/explore/queries`);
    await page.getByText('No query runs.').waitFor();
    const answer = ask(heavy);
    await page.getByRole('link', { name: heavy }).waitFor();
    await screenshot(page, 'queries-running');
    await assertAccessible(page, 'running');
    await page.getByRole('button', { name: `Cancel ${heavy}` }).click();
    const { status, body } = await answer;
    assert.deepEqual([status, body.errorType], [499, 'canceled']);
    await page.getByText('No query runs.').waitFor();
    await page.getByRole('radio', { name: 'Slow or failed' }).check();
    await page.getByText('query was canceled').first().waitFor();
    assert.match(page.url(), /view=recent/);
    await page.getByRole('link', { name: heavy }).first().click();
    await page.waitForURL(/\/query\?g0\.expr=quantile_over_time/);
    await page.finish();
  });

  for (const theme of ['dark', 'light']) {
    for (const width of [1280, 360]) {
      const language = (theme === 'dark') === (width === 1280) ? 'en' : 'ko';
      test(`the costliest, ${theme}, ${width} px, ${language}`, async () => {
        await ask('vector(1) + 1');
        await ask('sum(nx_wave) / on() nx_wave * <b>not HTML</b>');
        const page = await open(browser, `${backend.url}/explore/queries?view=top&sort=count`, { theme, width, language });
        await page.getByText('vector(1) + 1').waitFor();
        assert.ok((await page.evaluate('nxShift')) <= 0.02, await page.evaluate('nxShifted.join()'));
        await screenshot(page, `queries-${theme}-${width}-${language}`);
        await assertAccessible(page, 'queries');
        assert.equal(await settledOverflow(page), 0);
        await page.finish();
      });
    }
  }

  test('the filter finds by text and says when there is nothing', async () => {
    const page = await open(browser, `${backend.url}/explore/queries?view=top&search=no-such-query`);
    await page.getByText('No query matches the filter.').waitFor();
    await page.getByRole('searchbox').fill('VECTOR');
    await waitUntil(() => /search=VECTOR/.test(page.url()), 'in the address');
    await page.getByText('vector(1) + 1').waitFor();
    await page.finish();
  });
});
