import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('a client that returns with its ticket', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines();
  });
  after(() => bed.stop());

  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    it(`reaches its own server in 100 of 100 reconnects over alternating engines (${version})`, async () => {
      const client = new TicketClient({ version });
      const first = await client.visit(bed.ports[0]);
      assert.equal(first.reused, false);
      let same = 0;
      let reused = 0;
      for (let turn = 1; turn <= 100; turn++) {
        const visit = await client.visit(bed.ports[turn % 2] as number);
        if (visit.server === first.server) same++;
        if (visit.reused) reused++;
      }
      assert.equal(same, 100);
      assert.equal(reused, 100);
    });
  }

  it('gets a fresh ticket on every TLS 1.3 connection, so that it never runs out (R11)', async () => {
    const client = new TicketClient({ version: 'TLSv1.3' });
    await client.visit(bed.ports[0]);
    for (let turn = 0; turn < 10; turn++) {
      const { connection } = await client.visit(bed.ports[turn % 2] as number);
      assert.equal(connection.sessions.length, 1);
    }
  });

  it('is counted and recorded as persistent and resumed', async () => {
    const [engine] = bed.engines;
    const hits = await engine.metric('limpet_persistence_hits_total');
    const client = new TicketClient({ version: 'TLSv1.3' });
    await client.visit(bed.ports[1]);
    const { server } = await client.visit(bed.ports[0]);
    assert.equal(await engine.metric('limpet_persistence_hits_total'), hits + 1);
    await engine.stop();
    const record = engine.records().findLast((entry) => entry.record === 'connection');
    assert.equal(record?.persistence_used, true);
    assert.equal(record?.ssl_session_reused, true);
    assert.equal(record?.server_name, server);
    assert.equal(record?.server_reason, 'persistence');
  });
});
