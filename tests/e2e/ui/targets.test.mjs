// The targets page in a real browser.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, open } from './lib/browser.mjs';
import { Backend, missing, waitUntil } from './lib/server.mjs';

const skip = missing();
const backend = new Backend();
let browser;

describe('targets page', { skip }, () => {
  before(async () => {
    await backend.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await backend.stop();
  });

  const rows = (page) => page.locator('.target-target');

  test('shows pools, health, the whole error and the samples of each target', async () => {
    const page = await open(browser, `${backend.url}/targets`);
    const dead = page.locator('.target-target[data-health=down]');
    await dead.waitFor();
    assert.match(await dead.innerText(), /down[\s\S]*job="dead"[\s\S]*refused/i);
    const api = await (await fetch(`${backend.url}/api/v1/targets?state=active`)).json();
    assert.equal(await rows(page).count(), api.data.activeTargets.length);
    const error = api.data.activeTargets.find((t) => t.health === 'down').lastError;
    assert.ok((await dead.innerText()).includes(error));
    const node = rows(page).filter({ hasText: 'job="hostile"' });
    await waitUntil(async () => (await node.locator('.tc-samples').innerText()).trim().endsWith('38'), 'its samples');
    await page.finish();
  });

  test('filters go to the address and come back with it', async () => {
    const page = await open(browser, `${backend.url}/targets`);
    await rows(page).first().waitFor();
    const total = await rows(page).count();
    await page.getByRole('button', { name: /^down/ }).click();
    await waitUntil(async () => (await rows(page).count()) === 1, 'only failing targets');
    assert.equal(new URL(page.url()).searchParams.get('health'), 'down');
    await page.goBack();
    await waitUntil(async () => (await rows(page).count()) === total, 'back to all');
    await page.getByRole('searchbox').fill('env="test"');
    await waitUntil(async () => (await rows(page).count()) === 1, 'found by label');
    assert.equal(new URL(page.url()).searchParams.get('search'), 'env="test"');
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByText('No target matches the filter.').waitFor();
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await waitUntil(async () => (await rows(page).count()) === total, 'cleared');
    await page.getByLabel('Pool').selectOption('self');
    await waitUntil(async () => (await rows(page).count()) === 1, 'one pool');
    const reopened = await open(browser, page.url());
    await waitUntil(async () => (await rows(reopened).count()) === 1, 'the same after reopening');
    await reopened.finish();
    await page.finish();
  });

  for (const [width, language] of [[360, 'ko'], [360, 'en'], [640, 'en'], [1280, 'ko']]) {
    test(`nothing moves when the answer comes late: ${width} px, ${language}`, async () => {
      const page = await open(browser, `${backend.url}/targets`, { width, language, slow: 500 });
      // The filters stand where they will stand, without the names of pools.
      await page.locator('.health-filter').waitFor();
      assert.equal(await rows(page).count(), 0);
      assert.equal(await page.locator('.filter-bar option').count(), 1);
      await rows(page).first().waitFor();
      assert.ok((await page.locator('.filter-bar option').count()) > 4);
      // A shift is reported with the frame after it.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const [shift, moved] = await page.evaluate('[nxShift, nxShifted]');
      assert.ok(shift <= 0.002, `cumulative layout shift ${shift}: ${moved.join(', ')}`);
      await page.finish();
    });
  }

  test('a pool folds, and says so in the address', async () => {
    const page = await open(browser, `${backend.url}/targets`);
    const fold = page.getByRole('button', { name: 'dead', exact: true });
    await fold.click();
    await waitUntil(async () => (await page.locator('.target-target[data-health=down]').count()) === 0, 'folded');
    assert.equal(await fold.getAttribute('aria-expanded'), 'false');
    assert.equal(new URL(page.url()).searchParams.get('fold'), 'dead');
    await page.finish();
  });

  test('leads from a target to its metrics', async () => {
    const page = await open(browser, `${backend.url}/targets?pool=hostile`);
    await page.getByRole('button', { name: /^Actions for/ }).click();
    await page.getByRole('menuitem', { name: 'Metrics of this target' }).click();
    await page.waitForURL(/\/query\?/);
    await page.getByRole('cell', { name: 'nx_wave' }).first().waitFor();
    await page.finish();
  });

  test('copies the scrape configuration of a target as YAML, secrets hidden; says why when it cannot', async () => {
    const page = await open(browser, `${backend.url}/targets?pool=relabelled`, { allowed: [/Failed to load resource.*400/] });
    const copy = async () => {
      await page.getByRole('button', { name: /^Actions for/ }).click();
      await page.getByRole('menuitem', { name: 'Copy YAML of the scrape configuration' }).click();
    };
    await copy();
    await page.getByText('Copied').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /^job_name: relabelled$/m);
    assert.match(copied, /password: <secret>/);
    assert.match(copied, /replacement: renamed/);
    assert.doesNotMatch(copied, /hush/);
    await page.route(/scrape_pools\/config/, (route) => {
      const url = new URL(route.request().url());
      url.searchParams.set('scrapePool', 'gone');
      return route.continue({ url: url.href });
    });
    await copy();
    await page.getByText('The scrape configuration was not copied: error getting scrape config: scrape pool "gone" not found').waitFor();
    await page.finish();
  });

  test('keys lead around', async () => {
    const page = await open(browser, `${backend.url}/query`);
    await page.locator('body').click({ position: { x: 700, y: 700 } });
    await page.keyboard.press('g');
    await page.keyboard.press('t');
    await page.waitForURL(/\/targets/);
    await rows(page).first().waitFor();
    await page.keyboard.press('/');
    assert.equal(await page.evaluate('document.activeElement.type'), 'search');
    await page.keyboard.press('Escape');
    await page.evaluate('document.activeElement.blur()');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.finish();
  });
});
