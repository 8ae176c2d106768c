// A backup pool takes over while every server of a pool is down, keeps its connections, and lets clients go home with their next one.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type DemoConfigurationOptions,
  type DemoServer,
  startDemoServer,
  TicketClient,
} from '@limpet/testkit';
import { CookieClient, cookieProfile } from './support/cookie-client.ts';
import { eventually } from './support/engine.ts';
import { bothVersions, openClient } from './support/http-clients.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('a backup pool', () => {
  let bed: TwoEngines;
  let spares: DemoServer[];
  const fail_action = { type: 'FAIL_ACTION_BACKUP_POOL', backup_pool: { backup_pool_ref: 'spare-pool' } };
  /** The configuration with the second pool, which has no monitors. */
  const withSpares = (
    persistence: boolean,
    engine: number,
    changes: Partial<DemoConfigurationOptions> = {},
  ) => {
    const made = bed.configuration(
      { persistence, pool: { connection_ramp_duration: 0, fail_action }, ...changes },
      engine,
    );
    const servers = spares.map(({ name, port }) => ({
      description: name,
      ip: { addr: '127.0.0.1', type: 'V4' },
      port,
    }));
    const profile = persistence ? { application_persistence_profile_ref: 'demo-persistence' } : {};
    return { ...made, Pool: [...(made.Pool ?? []), { name: 'spare-pool', servers, ...profile }] };
  };
  const reload = (persistence: boolean, changes: Partial<DemoConfigurationOptions> = {}) =>
    Promise.all(bed.engines.map((engine, at) => engine.reload(withSpares(persistence, at, changes))));
  const setAll = (healthy: boolean) =>
    Promise.all(bed.servers.map(({ name }) => bed.setHealth(name, healthy)));
  before(async () => {
    spares = await Promise.all(['spare-1', 'spare-2'].map((name) => startDemoServer({ name })));
    bed = await startTwoEngines({}, 2);
    await reload(true);
  });
  after(async () => {
    await bed.stop();
    await Promise.all(spares.map((server) => server.stop()));
  });

  it('takes clients over, with tickets of its own, and gives them back', async () => {
    const clients = Array.from(
      { length: 8 },
      (_, at) => new TicketClient({ servername: `c${at}.limpet.test` }),
    );
    const visit = (port: number) =>
      Promise.all(clients.map(async (client) => (await client.visit(port)).server));
    const homes = await visit(bed.ports[0]);
    for (const home of homes) assert.match(home, /^web-/);
    const open = await (clients[0] as TicketClient).connect(bed.ports[0]);
    assert.equal((await open.request('/')).server, homes[0]);
    await setAll(false);

    const moved = await open.request('/');
    assert.match(moved.server ?? '', /^spare-/, 'a request of an open connection is served, too');
    assert.equal(moved.headers.get('connection'), 'close');
    await open.close();

    const away = await visit(bed.ports[1]);
    for (const server of away) assert.match(server, /^spare-/);
    assert.deepEqual(await visit(bed.ports[0]), away, 'they have their place there, on every engine');
    assert.equal((await new TicketClient().visit(bed.ports[1])).server?.startsWith('spare-'), true);
    const stays = await (clients[1] as TicketClient).connect(bed.ports[1]);
    assert.equal((await stays.request('/')).server, away[1]);

    await setAll(true);
    assert.equal((await stays.request('/')).server, away[1], 'a connection on the backup pool stays there');
    await stays.close();
    const back = await visit(bed.ports[0]);
    for (const server of back) assert.match(server, /^web-/);
    assert.deepEqual(await visit(bed.ports[1]), back);
    const ofSpares = () =>
      bed.engines[1].records().filter(({ server_name }) => /^spare-/.test(String(server_name)));
    await eventually(() => ofSpares().some(({ record }) => record === 'connection'), 'records are written');
    for (const { pool_name } of ofSpares()) assert.equal(pool_name, 'spare-pool');
  });

  it('can be changed while the pool before it is not', async () => {
    const [engine] = bed.engines;
    const made = withSpares(true, 0);
    const [pool, spare] = made.Pool as [unknown, { servers: unknown[] }];
    const withOneSpare = { ...made, Pool: [pool, { ...spare, servers: spare.servers.slice(0, 1) }] };
    await engine.reload(withOneSpare);
    await setAll(false);
    for (let visits = 0; visits < 4; visits++)
      assert.equal((await new TicketClient().visit(engine.port)).server, 'spare-1');
    await setAll(true);
    assert.match((await new TicketClient().visit(engine.port)).server ?? '', /^web-/);
  });

  it('takes over clients with cookies, too, each with its next request, and gives them back', async () => {
    await reload(true, { persistenceProfile: cookieProfile('LIMPET') });
    const client = new CookieClient();
    const { server } = await client.visit('h1', bed.ports[0]);
    assert.match(server, /^web-/);
    await setAll(false);
    const away = await client.visit('h2', bed.ports[0]);
    assert.match(away.server, /^spare-/);
    assert.equal(away.setCookies.length, 1);
    assert.equal((await client.visit('h1', bed.ports[1])).server, away.server, 'on every engine');
    await setAll(true);
    const back = await client.visit('h1', bed.ports[0]);
    assert.match(back.server, /^web-/);
    assert.equal(back.setCookies.length, 1);
    assert.equal((await client.visit('h2', bed.ports[1])).server, back.server);
  });

  it('serves requests without persistence, over both versions, on one connection before and after', async () => {
    await reload(false);
    const clients = bothVersions.map((version) => openClient(version, bed.ports[0]));
    const answeredBy = async (name: RegExp) => {
      for (const client of clients)
        assert.match(String((await client.request()).headers['x-demo-server']), name);
    };
    await answeredBy(/^web-/);
    await setAll(false);
    await answeredBy(/^spare-/);
    await setAll(true);
    await answeredBy(/^web-/);
    for (const client of clients) client.close();
  });
});
