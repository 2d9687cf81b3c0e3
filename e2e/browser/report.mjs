// Opens a report in Chromium and uses it as people do: node report.mjs REPORT FOLDER KIND
//
// KIND is `answered` (a report of `triage`), `many` (10,000 alerts) or `hostile`. Screenshots and a PDF go to the folder.
// Ends with 0 if all is as it should be; else says what is not. Measurements are printed as a line of JSON.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [report, folder, kind] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const MOST_MILLISECONDS = 2000;
mkdirSync(folder, { recursive: true });

const wrong = [];
const check = (holds, what) => {
  if (!holds) wrong.push(what);
};

const browser = await chromium.launch({
  executablePath: process.env.WATCHFIRE_CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ viewport: { width: 1600, height: 1000 }, colorScheme: 'light' });
const page = await context.newPage();
const address = pathToFileURL(resolve(report)).href;
page.on('request', (request) => check(request.url() === address, `it asked for ${request.url()}`));
page.on('console', (message) => check(message.type() !== 'error', `the console says: ${message.text()}`));
page.on('pageerror', (error) => wrong.push(`its script fails: ${error.message}`));
page.on('dialog', (dialog) => {
  wrong.push(`a dialog opened: ${dialog.message()}`);
  dialog.dismiss();
});

const began = performance.now();
await page.goto(address, { waitUntil: 'commit' });
await page.waitForFunction(() => document.documentElement.dataset.ready === 'true');
const ready = Math.round(performance.now() - began);
check(ready < MOST_MILLISECONDS, `it took ${ready} ms until it could be used`);

const shot = (name) => page.screenshot({ path: join(folder, `${kind}-${name}.png`), fullPage: false });
const accessible = async (view) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  for (const one of violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')) {
    wrong.push(`${view}: ${one.id} (${one.impact}): ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html).join(' ')}`);
  }
};
const count = () => page.locator('#count').textContent();
const rows = () => page.locator('#rows tr').count();
const all = Number((await count()).match(/of (\d+)/)[1]);

await shot('list');
await accessible('the list');
check((await page.locator('script:not([type="application/json"])').count()) === 1, 'there is a script that is not its own');
check((await page.locator('img, iframe, object, embed, link').count()) === 0, 'there is an element that loads something');
check((await page.evaluate(() => globalThis.pwned)) === undefined, 'something ran that stood in an event');

// Filters and order.
const firstHost = await page.locator('#filter-host option').nth(1).getAttribute('value');
await page.selectOption('#filter-host', firstHost);
check(/^\d+ alerts? of/.test(await count()), 'the number of alerts is not said');
check((await page.locator('#rows tr td:nth-child(5)').allTextContents()).every((host) => host.length > 0), 'the filter by host shows others');
await page.click('#clear');
await page.fill('#filter-search', 'no such thing anywhere');
check((await rows()) === 0, 'a search for nothing finds something');
await page.fill('#filter-search', '');
await page.click('#column-risk button');
const risks = (await page.locator('#rows tr td:nth-child(3)').allTextContents()).map(Number);
check(risks.every((risk, at) => at === 0 || risks[at - 1] >= risk), 'the order by risk is not one');
check((await page.getAttribute('#column-risk', 'aria-sort')) === 'descending', 'the order is not told');
await page.click('#column-time button');

if (kind === 'many') {
  check(all >= 10_000, `there are only ${all} alerts`);
  const filtering = performance.now();
  await page.fill('#filter-search', 'client32');
  await page.waitForFunction((before) => document.getElementById('count').textContent !== before, `${all} alerts of ${all}`);
  check(performance.now() - filtering < 500, 'a search takes more than half a second');
  await page.fill('#filter-search', '');
  await page.click('#next');
  check((await page.locator('#page').textContent()).startsWith('Page 2 of'), 'pages do not turn');
}

// With the keyboard alone: to the search, to an alert, into its tree, and back.
await page.keyboard.press('/');
check((await page.evaluate(() => document.activeElement.id)) === 'filter-search', '`/` does not lead to the search');
await page.focus('#rows button >> nth=0');
const opened = await page.evaluate(() => document.activeElement.dataset.alert);
await page.keyboard.press('Enter');
check(await page.isVisible('#detail'), 'an alert does not open');
check((await page.evaluate(() => document.activeElement.id)) === 'detail-title', 'the focus does not go to the alert');
if (kind === 'answered') {
  check((await page.locator('#detail .answer').count()) > 0, 'the guide is not answered');
  const alerted = page.locator('#detail .tree [aria-current="true"] > details');
  check((await alerted.count()) === 1, 'the process of the alert is not marked in its tree');
  await page.locator('#detail .tree [aria-current="true"] > details > summary').first().focus();
  await page.keyboard.press('Enter');
  check(await alerted.first().evaluate((details) => details.open), 'a process of the tree does not open');
  check((await page.locator('#detail ol.mono li').count()) > 0, 'there is no time line');
}
await shot('alert');
await accessible('an alert');
await page.locator('#detail summary', { hasText: 'Raw alert' }).click();
await page.locator('#detail details', { hasText: 'Raw alert' }).last().locator('pre').waitFor();
const shown = await page.locator('#detail').textContent();
// eslint-disable-next-line no-control-regex
check(!/[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/.test(shown), 'a character that hides something is shown as it is');
await page.keyboard.press('Escape');
check(!(await page.isVisible('#detail')), 'Escape does not close the alert');
check((await page.evaluate(() => document.activeElement.dataset.alert)) === opened, 'the focus does not come back');

// In the dark, on paper, and on a small screen.
await page.emulateMedia({ colorScheme: 'dark' });
await page.click('#rows button >> nth=0');
const luminance = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number).reduce((sum, part) => sum + part));
check(luminance < 200, 'it is not dark in the dark');
await shot('dark');
await accessible('in the dark');
await page.click('#theme');
await shot('light-by-choice');
await accessible('light by choice');
await page.emulateMedia({ colorScheme: 'light', media: 'print' });
check(!(await page.isVisible('.filters')), 'filters are printed');
await page.pdf({ path: join(folder, `${kind}.pdf`), format: 'A4' });
await page.emulateMedia({ media: 'screen' });
await page.setViewportSize({ width: 420, height: 900 });
const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
check(overflow <= 1, `on a small screen it is ${overflow} pixels too wide`);
await shot('small');

await browser.close();
console.log(JSON.stringify({ kind, alerts: all, ready_ms: ready }));
if (wrong.length > 0) {
  console.error(wrong.map((one) => `- ${one}`).join('\n'));
  process.exit(1);
}
