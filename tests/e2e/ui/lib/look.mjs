// look.mjs URL TEXT PICTURE: opens the page in a headless browser, waits until the text is on it, and takes a picture. Exits 1
// when the text does not come, or when the page complains about anything (see browser.mjs).
import { launch, open } from './browser.mjs';

const [url, text, picture] = process.argv.slice(2);
const browser = await launch();
try {
  const page = await open(browser, url);
  await page.getByText(text).first().waitFor();
  await page.screenshot({ path: picture });
  await page.finish();
} finally {
  await browser.close();
}
