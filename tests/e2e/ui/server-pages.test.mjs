// Discovery, cardinality, configuration, flags, status and notifications in a real browser.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, open } from './lib/browser.mjs';
import { Backend, hostileText, missing, waitUntil } from './lib/server.mjs';

const skip = missing();
const backend = new Backend();
let browser;

const api = async (path) => (await (await fetch(`${backend.url}/api/v1/${path}`)).json()).data;
const params = (page) => new URL(page.url()).searchParams;

describe('pages about the server', { skip }, () => {
  before(async () => {
    await backend.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await backend.stop();
  });

  test('discovery shows active and dropped targets, and what relabelling changed', async () => {
    const page = await open(browser, `${backend.url}/service-discovery`);
    const renamed = page.getByRole('region', { name: 'renamed' });
    await renamed.waitFor();
    const row = renamed.getByRole('row', { name: /^instance/ });
    assert.match(await row.innerText(), /–\s+renamed\s*added/);
    await page.getByText('1 active, 1 dropped').waitFor();
    await page.getByRole('radio', { name: 'dropped' }).check();
    await waitUntil(async () => (await page.locator('.found-target').count()) === 1, 'one is dropped');
    assert.equal(params(page).get('state'), 'dropped');
    await page.getByRole('radio', { name: 'All' }).check();
    await page.getByRole('searchbox').fill('env="test"');
    await waitUntil(async () => (await page.locator('.found-target').count()) === 1, 'found by label');
    const again = await open(browser, page.url());
    await waitUntil(async () => (await again.locator('.found-target').count()) === 1, 'the same after reopening');
    await again.finish();
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await page.getByRole('button', { name: 'self', exact: true }).click();
    assert.equal(params(page).get('fold'), 'self');
    await page.finish();
  });

  test('cardinality: the lists are the API’s, and lead into a selector', async () => {
    const page = await open(browser, `${backend.url}/tsdb-status?limit=20`);
    const metrics = page.getByRole('region', { name: 'Series by metric' });
    await metrics.getByRole('row').nth(20).waitFor();
    const known = (await api('status/tsdb?limit=20')).seriesCountByMetricName.map((c) => c.name);
    for (const name of known.slice(0, 5)) await metrics.getByRole('button', { name, exact: true }).waitFor();
    await page.getByRole('textbox', { name: 'Selector' }).fill('nx_wave');
    await page.keyboard.press('Enter');
    await page.getByText('30 series').waitFor();
    assert.equal(params(page).get('match'), 'nx_wave');
    const phase = page.getByRole('region', { name: 'Labels' }).getByRole('row', { name: /^phase/ });
    await waitUntil(async () => /30\s+−29 \(97 %\)/.test(await phase.innerText()), 'what the label costs');
    await phase.getByRole('button').click();
    const values = page.getByRole('region', { name: 'Series by value of phase' });
    await page.getByLabel('Rows a list').selectOption('50');
    await values.getByRole('button', { name: '17', exact: true }).click();
    await page.getByText('1 series').waitFor();
    assert.equal(params(page).get('match'), 'nx_wave{phase="17"}');
    await page.getByRole('button', { name: 'Open as query' }).click();
    await page.getByRole('cell', { name: '17', exact: true }).waitFor();
    await page.goBack();
    await page.getByText('1 series').waitFor();
    await page.finish();
  });

  test('a selector that does not parse shows the server’s words', async () => {
    const page = await open(browser, `${backend.url}/tsdb-status?match=up{`, { allowed: [/Failed to load resource/] });
    await page.locator('.error-box', { hasText: 'parse error' }).waitFor();
    await page.finish();
  });

  test('series are deleted after a preview and a typed word, and only then', async () => {
    const page = await open(browser, `${backend.url}/tsdb-status`);
    await page.getByRole('button', { name: 'Administration' }).click();
    await page.getByRole('menuitem', { name: 'Delete series' }).click();
    const dialog = page.getByRole('dialog', { name: 'Delete series' });
    await dialog.getByRole('textbox', { name: 'Selector' }).fill('nx_gone');
    await dialog.getByRole('button', { name: 'Show what would be deleted' }).click();
    await dialog.getByText('3 series would lose samples.').waitFor();
    const confirm = dialog.getByRole('button', { name: 'Delete series' });
    assert.ok(await confirm.isDisabled());
    await dialog.getByLabel('Type delete to confirm').fill('delet');
    assert.ok(await confirm.isDisabled());
    await dialog.getByLabel('Type delete to confirm').fill('delete');
    await confirm.click();
    await page.getByText('Deleted', { exact: true }).waitFor();
    assert.equal((await backend.query('last_over_time(nx_gone[5m])')).result.length, 0);
    await dialog.getByRole('button', { name: 'Clean tombstones' }).click();
    await page.getByText('Cleaned', { exact: true }).waitFor();
    await page.finish();
  });

  test('without the admin API there is no way to delete', async () => {
    const page = await open(browser, `${backend.url}/query`);
    const data = await api('features');
    data.api.admin = false;
    await page.route('**/api/v1/features', (route) => route.fulfill({ json: { status: 'success', data } }));
    await page.goto(`${backend.url}/tsdb-status`);
    await page.getByRole('region', { name: 'Series by metric' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Administration' }).count(), 0);
    await page.finish();
  });

  test('configuration: search, folds, line links; secrets stay the server’s', async () => {
    const page = await open(browser, `${backend.url}/config`);
    const { yaml } = await api('status/config');
    await page.locator('.yaml-line').first().waitFor();
    assert.equal(await page.locator('.yaml-line code').first().innerText(), yaml.split('\n')[0]);
    assert.ok(!yaml.includes('hush'));
    await page.getByRole('searchbox').fill('<secret>');
    await page.locator('.yaml-line[data-found] mark', { hasText: '<secret>' }).waitFor();
    await page.getByRole('button', { name: 'Fold all' }).click();
    await waitUntil(async () => (await page.locator('.yaml-line').count()) < 10, 'folded');
    await page.getByRole('button', { name: 'Next match' }).click();
    await page.locator('.yaml-line[data-found] mark').waitFor();
    const line = yaml.split('\n').findIndex((text) => text.includes('<secret>')) + 1;
    await page.locator('.yaml-line[data-found] .yaml-number').click();
    assert.equal(new URL(page.url()).hash, `#L${line}`);
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), page.url());
    const linked = await open(browser, page.url());
    await linked.locator('.yaml-line[data-linked]', { hasText: '<secret>' }).waitFor();
    await linked.finish();
    await page.finish();
  });

  test('flags are found by name and value', async () => {
    const page = await open(browser, `${backend.url}/flags`);
    const flags = await api('status/flags');
    await page.getByRole('row', { name: /--web\.listen-address/ }).waitFor();
    assert.equal(await page.locator('.flags tbody tr').count(), Object.keys(flags).length);
    await page.getByRole('searchbox').fill('listen-address');
    await waitUntil(async () => (await page.locator('.flags tbody tr').count()) === 1, 'one flag');
    assert.ok((await page.locator('.flags tbody').innerText()).includes(flags['web.listen-address']));
    await page.getByRole('button', { name: 'Copy --web.listen-address' }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, `--web.listen-address=${flags['web.listen-address']}`);
    await page.getByRole('searchbox').fill('');
    await page.getByRole('checkbox', { name: 'Changed only' }).check();
    const listen = page.getByRole('row', { name: /--web\.listen-address/ });
    await listen.getByText('default: 0.0.0.0:9090').waitFor();
    assert.ok((await page.locator('.flags tbody tr').count()) < Object.keys(flags).length / 2);
    assert.equal(params(page).get('changed'), '1');
    await page.finish();
  });

  test('status says what runs, and a failed reload is announced until one succeeds', async () => {
    const page = await open(browser, `${backend.url}/status`);
    const build = await api('status/buildinfo');
    await page.getByRole('region', { name: 'Build' }).getByText(build.version, { exact: true }).waitFor();
    await page.getByText('agrees with this browser').waitFor();
    await page.getByText('No notifications.').waitFor();
    await backend.reload('no: such: thing');
    const banner = page.locator('.banner', { hasText: /reload/i });
    await banner.waitFor();
    await page.getByRole('button', { name: 'Refresh', exact: true }).click();
    await page.getByText('the last reload failed').waitFor();
    await page.getByRole('button', { name: 'Hide this note' }).click();
    await banner.waitFor({ state: 'detached' });
    await page.getByRole('region', { name: 'Notifications' }).getByText(/reload/i).first().waitFor();
    await backend.reload();
    await page.getByText('No notifications.').waitFor();
    await page.finish();
  });

  test('nothing a target says runs as code', async () => {
    const pages = {
      '/service-discovery?pool=hostile': '.found-target',
      '/targets?pool=hostile': '.target-target',
      '/tsdb-status?limit=100': '.counts',
    };
    for (const [path, block] of Object.entries(pages)) {
      const page = await open(browser, backend.url + path);
      await page.locator(block).first().waitFor();
      assert.equal(await page.evaluate('window.pwned'), undefined);
      assert.equal(await page.locator('img:not(.cm-widgetBuffer)').count(), 0);
      await page.finish();
    }
    for (const path of ['/tsdb-status?match=nx_hostile&focus=text']) {
      const page = await open(browser, backend.url + path);
      await page.getByText(hostileText).first().waitFor();
      assert.equal(await page.evaluate('window.pwned'), undefined);
      assert.equal(await page.locator('img:not(.cm-widgetBuffer)').count(), 0);
      await page.finish();
    }
  });

  test('keys lead to every page', async () => {
    const page = await open(browser, `${backend.url}/flags`);
    await page.locator('.flags').waitFor();
    const ways = { s: '/status', h: '/tsdb-status', c: '/config', d: '/service-discovery', l: '/flags', t: '/targets', u: '/explore/queries', r: '/explore/relabel', q: '/query' };
    for (const [key, path] of Object.entries(ways)) {
      await page.evaluate('document.activeElement.blur()');
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await waitUntil(() => new URL(page.url()).pathname === path, `${key} leads to ${path}, not ${page.url()}`, 10);
      await page.locator(`.node[aria-current=page][href$="${path}"]`).waitFor();
    }
    await page.finish();
  });

  test('while the server starts, the page says how far the replay is', async () => {
    const page = await open(browser, `${backend.url}/flags`, { allowed: [/Failed to load resource.*503/] });
    await page.locator('.flags').waitFor();
    await page.route('**/-/ready', (route) => route.fulfill({ status: 503, body: 'Service Unavailable' }));
    await page.route('**/api/v1/status/walreplay', (route) =>
      route.fulfill({ json: { status: 'success', data: { min: 0, max: 40, current: 10 } } }),
    );
    await page.route('**/api/narthex/v1/flags', (route) => route.fulfill({ status: 503, body: 'Service Unavailable' }));
    await page.getByRole('button', { name: 'Refresh', exact: true }).click();
    await page.getByText('segment 10 of 40').waitFor();
    assert.equal(await page.getByRole('progressbar').getAttribute('value'), '10');
    // What was there stays.
    await page.getByRole('row', { name: /--log\.level/ }).waitFor();
    await page.unrouteAll();
    await page.locator('.banner').waitFor({ state: 'detached' });
    await page.finish();
  });

  test('an answer that is slow says so and can be cancelled', async () => {
    const page = await open(browser, `${backend.url}/query`);
    await page.route('**/api/v1/status/config', () => {});
    await page.goto(`${backend.url}/config`);
    await page.getByText(/Still waiting: 1\d s/).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText(/Still waiting/).waitFor({ state: 'detached' });
    await page.finish();
  });
});
