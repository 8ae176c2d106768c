import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Spreader, startSpreader } from '@limpet/testkit';
import type { Page } from 'playwright-core';
import { startBrowser, type TestBrowser } from './support/browser.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const LATER_PAGES = 20;
/** As many connections as a browser opens to one host over HTTP/1.1. */
const FIRST_FETCHES = 6;
/** Beside the page itself: as many connections as the browser holds tickets for. */
const LATER_FETCHES = 1;

for (const protocol of ['h2', 'http/1.1'] as const) {
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    describe(`Chromium over ${protocol} and ${version}`, () => {
      let bed: TwoEngines;
      let spreader: Spreader;
      let browser: TestBrowser;
      let page: Page;
      before(async () => {
        bed = await startTwoEngines({
          virtualService: { services: [{ port: 0, enable_ssl: true, enable_http2: protocol === 'h2' }] },
          ...(version === 'TLSv1.2'
            ? { sslProfile: { accepted_versions: [{ type: 'SSL_VERSION_TLS1_2' }] } }
            : {}),
        });
        // A browser keeps its tickets by host and port.
        spreader = await startSpreader(bed.ports);
        browser = await startBrowser(bed.fleet.certificate.certificatePem);
        page = await browser.context.newPage();
      });
      after(async () => {
        await browser.stop();
        await spreader.stop();
        await bed.stop();
      });

      /** Opens the page anew and fetches from it in parallel; the servers of all of it. */
      const open = async (fetches: number): Promise<ReadonlySet<string>> => {
        const response = await page.goto(`https://localhost:${spreader.port}/`);
        const first = (await response?.allHeaders())?.['x-demo-server'] ?? '';
        const others = await page.evaluate(
          (count) =>
            Promise.all(
              Array.from({ length: count }, async (_, turn) => {
                const answer = await fetch(`/slow?ms=30&turn=${turn}`, { cache: 'no-store' });
                return answer.headers.get('x-demo-server') ?? '';
              }),
            ),
          fetches,
        );
        return new Set([first, ...others]);
      };
      /** Ends the browser's connections, so that the next page needs new ones. */
      const reopen = (): Promise<ReadonlySet<string>> => {
        spreader.cutConnections();
        return open(LATER_FETCHES);
      };

      it('has its first page, parallel connections and later pages on one server', async () => {
        const servers = await open(FIRST_FETCHES);
        assert.equal(servers.size, 1, [...servers].join());
        for (let turn = 0; turn < LATER_PAGES; turn++)
          assert.deepEqual(await reopen(), servers, `page ${turn}`);
        assert.ok(
          spreader.counts.every((count) => count > LATER_PAGES / 4),
          `both engines: ${spreader.counts}`,
        );
        const protocols = new Set(
          bed.engines.flatMap((engine) => engine.records()).map(({ ssl_version }) => ssl_version),
        );
        assert.ok(protocols.has(version), [...protocols].join());
      });

      it('is moved once when its server dies, sibling tickets and all, and stays there when that recovers', async () => {
        const [dead] = [...(await reopen())] as [string];
        await bed.setHealth(dead, false);
        const replacement = await reopen();
        assert.equal(replacement.size, 1, [...replacement].join());
        assert.ok(!replacement.has(dead));
        await bed.setHealth(dead, true);
        for (let turn = 0; turn < 6; turn++) assert.deepEqual(await reopen(), replacement, `page ${turn}`);
      });
    });
  }
}
