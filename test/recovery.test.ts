// Every cell of the table "When the persisted server cannot be used" in docs/tls-persistence.md.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoConfigurationOptions, TicketClient } from '@limpet/testkit';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const recoveries = {
  Immediate: 'HM_DOWN_PICK_NEW_SERVER',
  Never: 'HM_DOWN_CONTINUE_PERSISTENT_SERVER',
  Abort: 'HM_DOWN_ABORT_CONNECTION',
} as const;

type Mode = keyof typeof recoveries;

for (const mode of Object.keys(recoveries) as Mode[]) {
  describe(`a persisted server that cannot be used, under ${mode}`, () => {
    let bed: TwoEngines;
    const recovery = recoveries[mode];
    before(async () => {
      bed = await startTwoEngines({ recovery });
    });
    after(() => bed.stop());

    const change = (changes: Partial<DemoConfigurationOptions>) => bed.reload({ recovery, ...changes });
    const withoutServer = (name: string) => bed.servers.filter((server) => server.name !== name);

    /** A client that belongs to a server, in a version. */
    async function bound(version: 'TLSv1.3' | 'TLSv1.2') {
      const client = new TicketClient({ version });
      const { server } = await client.visit(bed.ports[0]);
      return { client, server };
    }

    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      it(`is down by health monitor (${version})`, async () => {
        const { client, server } = await bound(version);
        await bed.setHealth(server, false);
        if (mode === 'Abort') {
          await assert.rejects(client.visit(bed.ports[1]), { code: 'ECONNRESET' });
        } else if (mode === 'Never') {
          const visit = await client.visit(bed.ports[1]);
          assert.equal(visit.server, server, 'sent to it all the same');
          assert.equal(visit.reused, true);
        } else {
          const moved = await client.visit(bed.ports[1]);
          assert.notEqual(moved.server, server);
          assert.equal(moved.reused, false, 'a move is a full handshake');
          await bed.setHealth(server, true);
          const later = await client.visit(bed.ports[0]);
          assert.equal(later.server, moved.server, 'the ticket names the replacement');
          assert.equal(later.reused, true);
        }
        await bed.setHealth(server, true);
      });
    }

    it('is disabled by the operator: a new server in every mode', async () => {
      const { client, server } = await bound('TLSv1.3');
      await change({
        servers: bed.servers.map(({ name, port }) => ({ name, port, enabled: name !== server })),
      });
      const moved = await client.visit(bed.ports[1]);
      assert.notEqual(moved.server, server);
      await change({});
      assert.equal((await client.visit(bed.ports[0])).server, moved.server, 'and it stays there');
    });

    it('is gone from the pool: load balanced in every mode (R9)', async () => {
      const { client, server } = await bound('TLSv1.3');
      const invalid = await bed.engines[1].metric('limpet_persistence_server_invalid_total');
      await change({ servers: withoutServer(server) });
      const moved = await client.visit(bed.ports[1]);
      assert.notEqual(moved.server, server);
      assert.equal(await bed.engines[1].metric('limpet_persistence_server_invalid_total'), invalid + 1);
      await change({});
    });

    it('is at its connection limit', async () => {
      await change({ pool: { max_concurrent_connections_per_server: 1 } });
      const { client, server } = await bound('TLSv1.3');
      // One connection of the client keeps the server's one place; it has a sibling ticket for another.
      const held = await client.connect(bed.ports[1]);
      assert.equal((await held.request('/')).server, server);
      const slow = held.request('/slow?ms=1500');
      await active(bed, 1, server, 1);
      if (mode === 'Abort') {
        await assert.rejects(client.visit(bed.ports[1]), { code: 'ECONNRESET' });
      } else if (mode === 'Never') {
        assert.equal((await client.visit(bed.ports[1])).server, server, 'above the limit');
        assert.equal(await bed.engines[1].metric('limpet_server_over_limit_total'), 1);
      } else {
        assert.notEqual((await client.visit(bed.ports[1])).server, server);
      }
      assert.equal((await slow).status, 200);
      await held.close();
      await active(bed, 1, server, 0);
      await change({});
    });

    it('is unreachable during a request', async () => {
      // Without monitors nobody but the request itself finds out.
      await change({ monitored: false });
      const { client, server } = await bound('TLSv1.3');
      const connection = await client.connect(bed.ports[1]);
      assert.equal((await connection.request('/')).server, server);
      const { port } = bed.server(server);
      await bed.server(server).stop();
      if (mode === 'Abort') {
        await assert.rejects(connection.request('/'), { code: 'ECONNRESET' });
      } else if (mode === 'Never') {
        const refused = await connection.request('/');
        assert.equal(refused.status, 503);
        assert.ok(refused.headers.has('x-request-id'));
        assert.notEqual(refused.headers.get('connection'), 'close', 'the connection is kept');
        assert.equal((await connection.request('/')).status, 503, 'the next request tries again');
      } else {
        const moved = await connection.request('/');
        assert.equal(moved.status, 200);
        assert.notEqual(moved.server, server);
        assert.equal(moved.headers.get('connection'), 'close', 'the client is told to reconnect');
        const later = await client.visit(bed.ports[1]);
        assert.equal(later.server, moved.server, 'and then its entry is switched');
      }
      await connection.close();
      assert.ok(port > 0);
    });
  });
}

async function active(bed: TwoEngines, engine: 0 | 1, name: string, wanted: number): Promise<void> {
  const { eventually } = await import('./support/engine.ts');
  await eventually(async () => {
    const { pools } = await bed.engines[engine].runtime();
    return pools[0]?.servers.find((server) => server.name === name)?.active_requests === wanted;
  }, `${wanted} requests at ${name}`);
}
