// A headless Chromium with a fresh profile, and pages that watch themselves: no console error, no violation of the
// Content-Security-Policy, no request to another host.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { findProgram, root } from './server.mjs';

const require = createRequire(join(root, 'web/package.json'));

export async function launch() {
  const { chromium } = require('playwright-core');
  return chromium.launch({
    executablePath: findProgram('CHROMIUM_BIN', 'chromium'),
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

// options: width, height, theme, language, settings (of the UI), allowed (patterns of console errors that are expected),
// contrast ('more'), forcedColors ('active'), slow (milliseconds that every answer of the API comes later)
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
    colorScheme: options.theme ?? 'dark',
    contrast: options.contrast ?? 'no-preference',
    forcedColors: options.forcedColors ?? 'none',
    locale: options.language ?? 'en',
    timezoneId: 'Asia/Seoul',
    acceptDownloads: true,
  });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  if (options.settings) {
    await context.addInitScript((settings) => {
      if (!localStorage.getItem('narthex.settings')) {
        localStorage.setItem('narthex.settings', JSON.stringify({ state: settings, version: 2 }));
      }
    }, options.settings);
  }
  if (options.slow) {
    await context.route(/\/api\//, async (route) => {
      await new Promise((done) => setTimeout(done, options.slow));
      // The page may have gone meanwhile.
      await route.continue().catch(() => undefined);
    });
  }
  // For a loaded machine; a test that passes does not wait.
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const problems = [];
  const allowed = options.allowed ?? [];
  const note = (text) => allowed.some((pattern) => pattern.test(text)) || problems.push(text);
  const { host } = new URL(url);
  page.on('console', (message) => message.type() === 'error' && note(`console: ${message.text()}`));
  page.on('pageerror', (error) => note(`uncaught: ${error.stack}`));
  page.on('request', (request) => {
    const target = new URL(request.url());
    if (/^https?:$/.test(target.protocol) && target.host !== host) note(`request to another host: ${request.url()}`);
  });
  await page.addInitScript(() => {
    globalThis.nxViolations = [];
    addEventListener('securitypolicyviolation', (e) => nxViolations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample} ${e.sourceFile}:${e.lineNumber}:${e.columnNumber}`));
    globalThis.nxShift = 0;
    globalThis.nxShifted = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        nxShift += entry.value;
        for (const { node } of entry.sources) nxShifted.push(`${entry.value.toFixed(3)} ${node?.tagName ?? node?.nodeName} ${node?.className ?? node?.textContent}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto(url);
  await page.locator('h1').waitFor();
  page.finish = async () => {
    for (const violation of await page.evaluate('nxViolations')) problems.push(`policy violation: ${violation}`);
    assert.deepEqual(problems, []);
    await context.close();
  };
  return page;
}

export async function screenshot(page, name) {
  const folder = join(root, 'artifacts/screenshots');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// No violation of WCAG 2.2 AA or of best practice, nor of further rules of axe.
export async function assertAccessible(page, what, ...rules) {
  // Evaluated through the debugger: the page's policy would refuse an inline script.
  await page.evaluate(axeSource);
  const found = await page.evaluate(async (more) => {
    const result = await axe.run(document, {
      rules: Object.fromEntries(more.map((rule) => [rule, { enabled: true }])),
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')} ${n.failureSummary}`).join(' | ')}`);
  }, rules);
  assert.deepEqual(found, [], what);
}

// Whether anything of the page lies beyond its right edge.
export async function sidewaysOverflow(page) {
  return page.evaluate(() => {
    const main = document.getElementById('main');
    return Math.max(
      document.documentElement.scrollWidth - document.documentElement.clientWidth,
      main.scrollWidth - main.clientWidth,
    );
  });
}

// 0 as soon as nothing lies beyond the edge: charts follow a new width in the frames after it. Otherwise what is left
// beyond it two seconds later.
export async function settledOverflow(page) {
  const deadline = Date.now() + 2000;
  for (;;) {
    const beyond = await sidewaysOverflow(page);
    if (beyond === 0 || Date.now() > deadline) return beyond;
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

// CodeMirror is in place: it lives in a shadow root, which Playwright's selectors pierce.
export function editorOf(page, index = 0) {
  return page.locator('.cm-content').nth(index);
}

// Replaces the expression as a user does: select all, type.
export async function writeEditor(page, text, index = 0) {
  await editorOf(page, index).focus();
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
}

export async function readEditor(page, index = 0) {
  return (await editorOf(page, index).innerText()).replace(/\n$/, '');
}

// How many pixels of the chart differ from its ground in the colours of lines.
export async function colouredPixels(page) {
  return page.evaluate(() => {
    const canvas = document.querySelector('.chart .uplot canvas');
    if (!canvas) return 0;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b, a] = data.subarray(i, i + 4);
      if (a > 128 && Math.max(r, g, b) - Math.min(r, g, b) > 60) count++;
    }
    return count;
  });
}
