// Every cell of the table "When the persisted server cannot be used" in docs/tls-persistence.md, for entries in cookies.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DemoConfigurationOptions } from '@limpet/testkit';
import { CookieClient, cookieProfile } from './support/cookie-client.ts';
import { eventually } from './support/engine.ts';
import { bothVersions } from './support/http-clients.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const recoveries = {
  Immediate: 'HM_DOWN_PICK_NEW_SERVER',
  Never: 'HM_DOWN_CONTINUE_PERSISTENT_SERVER',
  Abort: 'HM_DOWN_ABORT_CONNECTION',
} as const;

type Mode = keyof typeof recoveries;

const NAME = 'LIMPET';

for (const mode of Object.keys(recoveries) as Mode[]) {
  describe(`the server of a cookie that cannot be used, under ${mode}`, () => {
    let bed: TwoEngines;
    const base = { recovery: recoveries[mode], persistenceProfile: cookieProfile(NAME) };
    before(async () => {
      bed = await startTwoEngines(base);
    });
    after(() => bed.stop());

    const change = (changes: Partial<DemoConfigurationOptions>) => bed.reload({ ...base, ...changes });

    async function bound() {
      const client = new CookieClient();
      const { server } = await client.visit('h1', bed.ports[0]);
      return { client, server };
    }

    for (const version of bothVersions) {
      it(`is down by health monitor (${version})`, async () => {
        const { client, server } = await bound();
        const connection = client.connect(version, bed.ports[1]);
        assert.equal((await connection.request()).server, server);
        await bed.setHealth(server, false);
        if (mode === 'Abort') {
          await assert.rejects(connection.request(), 'the connection is reset');
          const other = new CookieClient();
          assert.notEqual((await other.visit(version, bed.ports[1])).server, server, 'and no other client');
        } else if (mode === 'Never') {
          const stays = await connection.request();
          assert.equal(stays.server, server, 'sent to it all the same');
          assert.deepEqual(stays.setCookies, []);
        } else {
          const moved = await connection.request();
          assert.notEqual(moved.server, server);
          assert.equal(moved.setCookies.length, 1, 'the cookie names the replacement');
          assert.notEqual(moved.headers.connection, 'close', 'on the same connection');
          assert.equal((await connection.request()).server, moved.server);
          await bed.setHealth(server, true);
          assert.equal((await client.visit(version, bed.ports[0])).server, moved.server, 'stays there');
        }
        connection.close();
        await bed.setHealth(server, true);
      });
    }

    it('is disabled by the operator: a new server in every mode', async () => {
      const { client, server } = await bound();
      await change({
        servers: bed.servers.map(({ name, port }) => ({ name, port, enabled: name !== server })),
      });
      const moved = await client.visit('h1', bed.ports[1]);
      assert.notEqual(moved.server, server);
      assert.equal(moved.setCookies.length, 1);
      await change({});
      assert.equal((await client.visit('h1', bed.ports[0])).server, moved.server, 'and it stays there');
    });

    it('is gone from the pool: load balanced in every mode', async () => {
      const { client, server } = await bound();
      const invalid = await bed.engines[1].metric('limpet_persistence_server_invalid_total');
      await change({ servers: bed.servers.filter(({ name }) => name !== server) });
      const moved = await client.visit('h1', bed.ports[1]);
      assert.notEqual(moved.server, server);
      assert.equal(moved.setCookies.length, 1);
      assert.equal(await bed.engines[1].metric('limpet_persistence_server_invalid_total'), invalid + 1);
      await change({});
      assert.equal((await client.visit('h1', bed.ports[0])).server, moved.server);
    });

    it('is at its connection limit', async () => {
      await change({ pool: { max_concurrent_connections_per_server: 1 } });
      const { client, server } = await bound();
      const held = client.connect('h1', bed.ports[1]);
      const slow = held.request({ path: '/slow?ms=1500' });
      const active = (wanted: number) =>
        eventually(async () => {
          const { pools } = await bed.engines[1].runtime();
          return pools[0]?.servers.find(({ name }) => name === server)?.active_requests === wanted;
        }, `${wanted} requests at ${server}`);
      await active(1);
      const kept = client.jar.get(NAME) as string;
      if (mode === 'Abort') {
        await assert.rejects(client.visit('h1', bed.ports[1]));
      } else if (mode === 'Never') {
        assert.equal((await client.visit('h1', bed.ports[1])).server, server, 'above the limit');
        assert.equal(await bed.engines[1].metric('limpet_server_over_limit_total'), 1);
      } else {
        const moved = await client.visit('h1', bed.ports[1]);
        assert.notEqual(moved.server, server);
        assert.notEqual(client.jar.get(NAME), kept);
      }
      assert.equal((await slow).server, server);
      held.close();
      await active(0);
      await change({});
    });

    it('is unreachable during a request', async () => {
      // Without monitors nobody but the request itself finds out.
      await change({ monitored: false });
      const { client, server } = await bound();
      const connection = client.connect('h2', bed.ports[1]);
      assert.equal((await connection.request()).server, server);
      await bed.server(server).stop();
      if (mode === 'Abort') {
        await assert.rejects(connection.request(), 'the connection is reset');
        const other = await new CookieClient().visit('h2', bed.ports[1]);
        assert.equal(other.status, 200, 'a client without a cookie is sent elsewhere');
      } else if (mode === 'Never') {
        assert.equal((await connection.request()).status, 503);
        assert.equal((await connection.request()).status, 503, 'the next request tries again');
        const other = await new CookieClient().visit('h2', bed.ports[1]);
        assert.equal(other.status, 200, 'a client without a cookie is sent elsewhere');
      } else {
        const moved = await connection.request();
        assert.equal(moved.status, 200);
        assert.notEqual(moved.server, server);
        assert.equal(moved.setCookies.length, 1, 'the entry is switched at once');
        assert.equal((await connection.request()).server, moved.server, 'on the same connection');
        assert.equal((await client.visit('h1', bed.ports[0])).server, moved.server);
      }
      connection.close();
    });
  });
}
