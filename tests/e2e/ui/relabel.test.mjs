// Relabelling rules tried out, from an example and from a target, in a real browser.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAccessible, launch, open } from './lib/browser.mjs';
import { Backend, missing, waitUntil } from './lib/server.mjs';

const skip = missing();
const backend = new Backend();
let browser;

describe('relabelling', { skip }, () => {
  before(async () => {
    await backend.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await backend.stop();
  });

  test('an example, then changes to it, mistakes and a drop', async () => {
    const page = await open(browser, `${backend.url}/explore/relabel`, { allowed: [/status of 400/] });
    await page.getByRole('button', { name: 'An example' }).click();
    const steps = page.locator('.relabel > li');
    await waitUntil(async () => (await steps.count()) === 2, 'two rules');
    assert.match(await steps.first().innerText(), /host\s+web-1/);
    await page.getByText('After the last rule:').waitFor();
    // What the rules make stands inside its frame as the skeleton before it did, not at the frame's edge.
    const frame = await page.locator('.block').boundingBox();
    for (const part of ['.relabel-result', '.relabel', '.relabel-output']) {
      const box = await page.locator(part).boundingBox();
      assert.ok(box.x - frame.x >= 12 && frame.x + frame.width - box.x - box.width >= 12, `${part} at ${box.x} in ${frame.x}`);
      assert.ok(box.y - frame.y >= 12 && frame.y + frame.height - box.y - box.height >= 12, `${part} at ${box.y} in ${frame.y}`);
    }
    assert.match(await page.locator('.relabel-output').innerText(), /host="web-1", job="node"/);

    const labels = page.getByRole('textbox', { name: 'Labels' });
    await labels.fill('{__address__="test-7:9100"}');
    await page.getByText('dropped by rule 2').waitFor();
    assert.equal(new URL(page.url()).searchParams.get('labels'), '{__address__="test-7:9100"}');
    await labels.fill('no labels at all');
    await page.getByRole('alert').getByText('These are no labels').waitFor();
    assert.equal(await labels.getAttribute('aria-invalid'), 'true');
    await labels.fill('a=b');
    await page.getByRole('textbox', { name: 'Rules' }).fill('- action: keep\n- action: hashmod\n  target_label: x');
    await page.getByText(/line 2: relabel configuration for hashmod/).first().waitFor();
    await assertAccessible(page, 'relabelling with an error');
    await page.finish();
  });

  test('rules of a target are taken along', async () => {
    const page = await open(browser, `${backend.url}/service-discovery`);
    await page.locator('.found-target').first().waitFor();
    await page.getByRole('button', { name: /relabel/i }).first().click();
    const link = page.getByRole('dialog').getByRole('link', { name: 'Try changes to these rules' });
    await link.waitFor();
    await link.click();
    await page.waitForURL(/\/explore\/relabel\?/);
    assert.match(await page.getByRole('textbox', { name: 'Labels' }).inputValue(), /__address__/);
    await page.finish();
  });
});
