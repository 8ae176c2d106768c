import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { clients, tlsVersions } from './compatibility/clients.ts';
import { type Cell, runCell, startMatrixBed } from './compatibility/matrix.ts';
import { pageFile, rowCells, rowsOfPage, withoutVersion } from './compatibility/page.ts';
import type { TwoEngines } from './support/two-engines.ts';

const RECONNECTS = 100;

/** curl 7.88 has none to show: its connections are first ones, each time. */
const SHOWS_NO_TICKET = new Set(['curl over TLSv1.2']);

const cells = new Map<string, Cell>();

describe('the compatibility matrix', { concurrency: true }, () => {
  for (const version of tlsVersions) {
    describe(`two engines, ${RECONNECTS} reconnects, the ring rotated midway (${version})`, {
      concurrency: 1,
    }, () => {
      let bed: TwoEngines;
      before(async () => {
        bed = await startMatrixBed(version);
      });
      after(() => bed.stop());

      for (const client of clients) {
        const name = `${client.name} over ${version}`;
        it(`${name} comes back to its server each time`, async () => {
          const cell = await runCell(bed, client, version, RECONNECTS);
          cells.set(name, cell);
          const [first = 0, second = 0] = cell.engines;
          assert.ok(Math.abs(first - second) <= 1, `the engines in turn: ${first}, ${second}`);
          if (SHOWS_NO_TICKET.has(name)) {
            assert.equal(cell.ticketsShown, 0);
            return;
          }
          assert.equal(cell.ticketsShown, RECONNECTS);
          assert.equal(cell.returned, RECONNECTS);
          // A ticket of TLS 1.2 under a key that was rotated away is replaced by a full handshake.
          assert.ok(cell.resumed >= RECONNECTS - (version === 'TLSv1.2' ? 1 : 0), `${cell.resumed} resumed`);
        });
      }
    });
  }
});

describe('docs/compatibility.md', () => {
  it('shows what the matrix has just shown', async (context) => {
    const rows = await Promise.all(
      clients.map(async (client) => {
        const [tls13, tls12] = tlsVersions.map((version) => cells.get(`${client.name} over ${version}`));
        assert.ok(tls13 && tls12, `the matrix has both cells of ${client.name}`);
        return rowCells({ client, program: await client.program(), tls13, tls12 });
      }),
    );
    context.diagnostic(rows.map((row) => row.join(' | ')).join('\n'));
    assert.deepEqual(
      rowsOfPage().map(withoutVersion),
      rows.map(withoutVersion),
      `${pageFile} differs: npm run compatibility`,
    );
  });
});
