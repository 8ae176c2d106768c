// How long TLS sessions live: clients are told what is configured, and no chain of renewals lasts longer.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { lifetimeHintOf, TicketClient } from '@limpet/testkit';
import { bothTlsVersions } from './support/client-certificates.ts';
import { eventually } from './support/engine.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const LIFETIME_S = 4;

describe('a TLS session', () => {
  let origin: OriginServer;
  let bed: OneEngine;
  before(async () => {
    origin = await startOriginServer();
    bed = await startOneEngine(origin, { sslProfile: { ssl_session_timeout: 604_800 } });
  });
  after(async () => {
    await bed.stop();
    await origin.stop();
  });

  it('comes with the lifetime that is configured as its hint (R6)', async () => {
    for (const ssl_session_timeout of [604_800, 1234]) {
      if (ssl_session_timeout === 1234) await bed.reload({ sslProfile: { ssl_session_timeout } });
      for (const version of bothTlsVersions) {
        const client = new TicketClient({ version });
        await client.visit(bed.port);
        const hint = lifetimeHintOf(client.tickets.at(-1) as Buffer);
        assert.equal(hint, ssl_session_timeout, version);
      }
    }
  });

  it('that is renewed at every visit ends when the first one would have, in a full handshake (R6)', async () => {
    await bed.reload({ sslProfile: { ssl_session_timeout: LIFETIME_S } });
    const client = new TicketClient({ version: 'TLSv1.3' });
    const startMs = Date.now();
    assert.equal((await client.visit(bed.port)).reused, false);
    const issuedMs = Date.now();
    let resumed = 0;
    let resumedAtMs = 0;
    await eventually(async () => {
      const askedMs = Date.now();
      const { reused } = await client.visit(bed.port);
      if (!reused) return true;
      resumed++;
      resumedAtMs = askedMs;
      return false;
    }, 'the chain ends');
    assert.ok(resumed > 1, `${resumed} renewals`);
    // The times in a ticket are whole seconds; the last that was resumed was asked for before it was judged.
    assert.ok(Date.now() - startMs > (LIFETIME_S - 1) * 1000 - 100);
    assert.ok(resumedAtMs - issuedMs < (LIFETIME_S + 2) * 1000, `${resumedAtMs - issuedMs} ms`);
    assert.equal((await client.visit(bed.port)).reused, true, 'a new chain begins');
  });
});
