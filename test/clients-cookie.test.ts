// Clients that know nothing of Limpet keep its cookie: curl with a cookie jar, and Chromium.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCommand, type Spreader, startSpreader } from '@limpet/testkit';
import { startBrowser } from './support/browser.ts';
import { cookieProfile } from './support/cookie-client.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const VISITS = 20;

describe('HTTP cookie persistence', () => {
  let bed: TwoEngines;
  let spreader: Spreader;
  before(async () => {
    bed = await startTwoEngines({
      persistenceProfile: cookieProfile('LIMPET', {
        http_only: true,
        timeout: 60,
        is_persistent_cookie: true,
      }),
    });
    spreader = await startSpreader(bed.ports);
  });
  after(async () => {
    await spreader.stop();
    await bed.stop();
  });

  for (const protocol of ['--http1.1', '--http2'] as const) {
    it(`brings curl with a cookie jar back to its server in each of ${VISITS} runs (${protocol})`, async () => {
      const jar = join(bed.fleet.folder, `jar${protocol}`);
      const servers = new Set<string>();
      for (let turn = 0; turn < VISITS; turn++) {
        const { stdout, stderr, code } = await runCommand('curl', [
          ...['--silent', '--show-error', '--insecure', protocol, '--cookie', jar, '--cookie-jar', jar],
          ...['--write-out', '%header{x-demo-server}', '--output', '/dev/null'],
          `https://localhost:${spreader.port}/`,
        ]);
        assert.equal(code, 0, stderr);
        servers.add(stdout);
      }
      assert.equal(servers.size, 1, [...servers].join());
    });
  }

  it('brings Chromium back, its parallel requests too, and moves it once when its server dies', async () => {
    const browser = await startBrowser(bed.fleet.certificate.certificatePem);
    try {
      const page = await browser.context.newPage();
      const open = async (): Promise<ReadonlySet<string>> => {
        spreader.cutConnections();
        const response = await page.goto(`https://localhost:${spreader.port}/`);
        const first = (await response?.allHeaders())?.['x-demo-server'] ?? '';
        const others = await page.evaluate(() =>
          Promise.all(
            Array.from({ length: 6 }, async (_, turn) => {
              const answer = await fetch(`/slow?ms=30&turn=${turn}`, { cache: 'no-store' });
              return answer.headers.get('x-demo-server') ?? '';
            }),
          ),
        );
        return new Set([first, ...others]);
      };
      const servers = await open();
      assert.equal(servers.size, 1, [...servers].join());
      for (let turn = 0; turn < 10; turn++) assert.deepEqual(await open(), servers, `page ${turn}`);
      assert.equal(await page.evaluate('document.cookie'), '', 'no script can read it');

      const [dead] = [...servers] as [string];
      await bed.setHealth(dead, false);
      const replacement = await open();
      assert.equal(replacement.size, 1, [...replacement].join());
      assert.ok(!replacement.has(dead));
      await bed.setHealth(dead, true);
      for (let turn = 0; turn < 5; turn++) assert.deepEqual(await open(), replacement, `page ${turn}`);
    } finally {
      await browser.stop();
    }
  });
});
