// How long TLS sessions live: clients are told what is configured, and no chain of renewals lasts longer.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { lifetimeHintOf, TicketClient } from '@limpet/testkit';
import { bothTlsVersions } from './support/client-certificates.ts';
import { eventually } from './support/engine.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const LIFETIME_S = 5;

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
    let resumed = 0;
    let endedMs = 0;
    await eventually(async () => {
      if ((await client.visit(bed.port)).reused) resumed++;
      else endedMs = Date.now();
      return endedMs > 0;
    }, 'the chain ends');
    assert.ok(resumed > 5, `${resumed} renewals`);
    const lifeMs = endedMs - startMs;
    // The times in a ticket are whole seconds.
    assert.ok(lifeMs > (LIFETIME_S - 1) * 1000 - 100 && lifeMs < (LIFETIME_S + 3) * 1000, `${lifeMs} ms`);
    assert.equal((await client.visit(bed.port)).reused, true, 'a new chain begins');
  });
});
