// Headless Chromium, as Debian packages it, with a profile of its own that goes away with it.

import { createHash, X509Certificate } from 'node:crypto';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  // What a browser asks its maker is no part of a test.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface TestBrowser {
  readonly context: BrowserContext;
  stop(): Promise<void>;
}

/** @param certificatePem trusted: to a browser that only overlooks errors, a failed first try costs a ticket each time. */
export async function startBrowser(certificatePem: string): Promise<TestBrowser> {
  const publicKey = new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' });
  const hash = createHash('sha256').update(publicKey).digest('base64');
  const browser: Browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: [...FLAGS, `--ignore-certificate-errors-spki-list=${hash}`],
    timeout: 60_000,
  });
  const context = await browser.newContext();
  context.setDefaultTimeout(30_000);
  return { context, stop: () => browser.close() };
}
