// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Drives a headless Chromium in this namespace: one page for each session.

const { chromium } = require('playwright-core');
const { serve } = require('./rpc');

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-extensions',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--disable-features=LocalNetworkAccessChecks,MediaRouter,OptimizationHints,Translate',
  '--no-default-browser-check',
  '--no-first-run',
  '--no-pings',
  '--no-proxy-server',
];

let browser;
let context;
const pages = new Map();

async function launch(cookie) {
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium', headless: true, args: ARGUMENTS, timeout: 30000,
  });
  context = await browser.newContext();
  await context.addCookies([cookie]);
  return browser.version();
}

async function open(id, url, { pageUrl, protocols }) {
  const page = await context.newPage();
  pages.set(id, page);
  await page.goto(pageUrl, { timeout: 10000 });
  return page.evaluate(([i, u, p]) => openSession(i, u, p), [id, url, protocols || []]);
}

// A page that opens no session: plain HTTP on a port where others chat, over a
// connection that the browser then keeps for its next page.
async function visit(pageUrl) {
  const page = await context.newPage();
  await page.goto(pageUrl, { timeout: 10000 });
  await page.close();
}

const inPage = (id, work, ...args) => pages.get(id).evaluate(work, [id, ...args]);

serve({
  launch,
  visit,
  open,
  next: (id, type) => inPage(id, ([i, t]) => nextMessage(i, t), type),
  send: (id, text) => inPage(id, ([i, t]) => sendText(i, t), text),
  sendBinary: (id, size) => inPage(id, ([i, n]) => sendBinary(i, n), size),
  close: (id, ...how) => inPage(id, ([i, ...h]) => closeSession(i, ...h), ...how),
  closed: (id) => inPage(id, ([i]) => sessionClosed(i)),
  closePage: (id) => pages.get(id).close(),
  reload: async (id) => { await pages.get(id).reload({ timeout: 10000 }); },
  forget: async (id) => {
    const page = pages.get(id);
    pages.delete(id);
    if (page && !page.isClosed()) {
      await page.close();
    }
  },
  quit: async () => { await browser.close(); },
});
