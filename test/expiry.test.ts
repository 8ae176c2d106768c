import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as elapse } from 'node:timers/promises';
import { TicketClient } from '@limpet/testkit';
import { bothTlsVersions } from './support/client-certificates.ts';
import { mappingOf, ringOf } from './support/tickets.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const LIFETIME_S = 4;
/** Long enough for monitors to find a server down, and some visits after that. */
const LONGER_S = 9;

describe('an entry', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({
      sslProfile: { ssl_session_timeout: LIFETIME_S },
      recovery: 'HM_DOWN_CONTINUE_PERSISTENT_SERVER',
    });
  });
  after(() => bed.stop());

  it('expires ssl_session_timeout after it was issued', async () => {
    const metric = () => bed.engines[1].metric('limpet_tickets_not_opened_total', 'reason="expired"');
    const issued = await Promise.all(
      bothTlsVersions.map(async (version) => {
        const client = new TicketClient({ version });
        const startMs = Date.now();
        await client.visit(bed.ports[0]);
        const ticket = client.tickets.at(-1) as Buffer;
        const { reused } = await client.visit(bed.ports[1], '/', ticket);
        // On a slow machine it may have expired on its way.
        assert.ok(reused || Date.now() - startMs > (LIFETIME_S - 1) * 1000);
        return { client, ticket };
      }),
    );
    const expired = await metric();
    // Time itself is what is tested here.
    await elapse(LIFETIME_S * 1000 + 100);
    for (const { client, ticket } of issued)
      assert.equal((await client.visit(bed.ports[1], '/', ticket)).reused, false);
    assert.equal(await metric(), expired + 2);
  });

  it('under Never keeps its age while its server is down, and expires', async () => {
    await bed.reload({ sslProfile: { ssl_session_timeout: LONGER_S } });
    const ring = ringOf(bed.fleet.ringFile);
    const issued = await Promise.all(
      bothTlsVersions.map(async (version) => {
        const client = new TicketClient({ version });
        const { server } = await client.visit(bed.ports[0]);
        const mapping = () => mappingOf(client.tickets.at(-1) as Buffer, version === 'TLSv1.3', ring);
        return { client, server, mapping, issuedAtS: mapping().issuedAtS };
      }),
    );
    const down = [...new Set(issued.map(({ server }) => server))];
    await Promise.all(down.map((server) => bed.setHealth(server, false)));
    let visits = 0;
    for (const { client, server, mapping, issuedAtS } of issued) {
      const endMs = (issuedAtS + LONGER_S) * 1000;
      for (let turn = 0; turn < 4; turn++) {
        const visit = await client.visit(bed.ports[turn % 2] as number);
        // On a slow machine it may have expired on its way.
        if (Date.now() >= endMs) break;
        assert.equal(visit.server, server, 'sent to it all the same');
        assert.equal(mapping().issuedAtS, issuedAtS);
        visits++;
      }
    }
    assert.ok(visits > 0);
    for (const { client, server, issuedAtS } of issued) {
      const endMs = (issuedAtS + LONGER_S) * 1000;
      await elapse(Math.max(0, endMs - Date.now()) + 200);
      assert.notEqual((await client.visit(bed.ports[1])).server, server, 'load balanced at last');
    }
    await Promise.all(down.map((server) => bed.setHealth(server, true)));
  });
});
