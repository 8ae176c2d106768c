import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as elapse } from 'node:timers/promises';
import { TicketClient } from '@limpet/testkit';
import { mappingOf, ringOf } from './support/tickets.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const LIFETIME_S = 4;

describe('an entry', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({
      sslProfile: { ssl_session_timeout: LIFETIME_S },
      recovery: 'HM_DOWN_CONTINUE_PERSISTENT_SERVER',
    });
  });
  after(() => bed.stop());

  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    it(`expires ssl_session_timeout after it was issued (${version})`, async () => {
      const client = new TicketClient({ version });
      await client.visit(bed.ports[0]);
      const ticket = client.tickets.at(-1) as Buffer;
      assert.equal((await client.visit(bed.ports[1], '/', ticket)).reused, true);
      const expired = await bed.engines[1].metric('limpet_tickets_not_opened_total', 'reason="expired"');
      // Time itself is what is tested here.
      await elapse(LIFETIME_S * 1000 + 100);
      assert.equal((await client.visit(bed.ports[1], '/', ticket)).reused, false);
      assert.equal(
        await bed.engines[1].metric('limpet_tickets_not_opened_total', 'reason="expired"'),
        expired + 1,
      );
    });

    it(`under Never keeps its age while its server is down, and expires (${version})`, async () => {
      const client = new TicketClient({ version });
      const { server } = await client.visit(bed.ports[0]);
      const ring = ringOf(bed.fleet.ringFile);
      const tls13 = version === 'TLSv1.3';
      const issuedAtS = mappingOf(client.tickets.at(-1) as Buffer, tls13, ring).issuedAtS;
      await bed.setHealth(server, false);
      const endMs = (issuedAtS + LIFETIME_S) * 1000;
      let visits = 0;
      while (Date.now() < endMs - 300) {
        const visit = await client.visit(bed.ports[visits++ % 2] as number);
        assert.equal(visit.server, server, 'sent to it all the same');
        assert.equal(mappingOf(client.tickets.at(-1) as Buffer, tls13, ring).issuedAtS, issuedAtS);
        await elapse(200);
      }
      assert.ok(visits > 2);
      await elapse(Math.max(0, endMs - Date.now()) + 200);
      const later = await client.visit(bed.ports[1]);
      assert.notEqual(later.server, server, 'load balanced at last');
      await bed.setHealth(server, true);
    });
  }
});
