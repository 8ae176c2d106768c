// Requests wait for a place where every server is at its limit: in order, over all workers, not too many, and not for ever.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { type DemoConfigurationOptions, demoConfiguration, TicketClient } from '@limpet/testkit';
import { cookieProfile } from './support/cookie-client.ts';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { type HeldServer, startHeldServer } from './support/held-server.ts';
import {
  bothVersions,
  type HttpClient,
  openClient,
  type Reply,
  type Sending,
} from './support/http-clients.ts';

let fleet: Fleet;
let server: HeldServer;
let engine: Engine;
let changes = 0;
const clients: HttpClient[] = [];

function configuration(pool: Record<string, unknown>, options: Partial<DemoConfigurationOptions> = {}) {
  return demoConfiguration({
    port: engine?.port ?? 0,
    servers: [server],
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    monitored: false,
    persistence: false,
    ...options,
    pool: {
      max_concurrent_connections_per_server: 1,
      request_queue_enabled: true,
      // Each configuration is a new one.
      server_timeout: 50_000 + changes++,
      ...pool,
    },
  });
}

before(async () => {
  fleet = await createFleet();
  server = await startHeldServer('web-1');
  engine = await fleet.startEngine(configuration({}), ['--workers', '2']);
});
after(async () => {
  await fleet.stop();
  await server.stop();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await eventually(() => {
    server.release();
    return server.inFlight === 0;
  }, 'nothing is at the server');
  await eventually(async () => (await queued()) === 0, 'nothing waits');
  await eventually(async () => (await engine.metric('limpet_server_requests_active')) === 0, 'nor here');
  await engine.reload(configuration({}));
});

const WEBSOCKET =
  'GET /tunnel HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

const queued = () => engine.metric('limpet_requests_queued');
const ended = (outcome: string) => engine.metric('limpet_request_queue_total', `"${outcome}"`);
const waits = (count: number) => eventually(async () => (await queued()) === count, `${count} wait`);

/** On a connection of its own. */
function ask(version: 'h1' | 'h2', sending: Sending = {}): Promise<Reply> {
  const client = openClient(version, engine.port);
  clients.push(client);
  return client.request(sending);
}

/** Takes the one place, and gives it back when the server is told to. */
async function hold(version: 'h1' | 'h2' = 'h1'): Promise<void> {
  const reply = ask(version, { path: '/hold' });
  reply.catch(() => {});
  await eventually(() => server.inFlight === 1, 'the place is taken');
}

for (const version of bothVersions) {
  describe(`a request over ${version} when every server is at its limit`, () => {
    it('waits until there is a place, and first come is first served on all workers', async () => {
      await hold(version);
      server.mostInFlight = 0;
      const seen = server.targets.length;
      const replies: Promise<Reply>[] = [];
      for (let count = 0; count < 12; count++) {
        replies.push(ask(version, { path: `/${count}` }));
        await waits(count + 1);
      }
      const { pools } = await engine.runtime();
      assert.equal((pools[0] as unknown as { queued_requests: number }).queued_requests, 12);
      server.release();
      const answers = await Promise.all(replies);
      assert.deepEqual(
        answers.map(({ status }) => status),
        Array(12).fill(200),
      );
      assert.deepEqual(
        server.targets.slice(seen),
        answers.map((_, count) => `/${count}`),
      );
      assert.equal(server.mostInFlight, 1);
      const record = () => engine.records().find(({ uri_path }) => uri_path === '/11');
      await eventually(() => record() !== undefined, 'its record is written');
      assert.ok(Number(record()?.queue_ms) > 0);
    });

    it('with a body waits with it: the client is not asked for it before', async () => {
      await hold(version);
      const body = Buffer.alloc(3_000_000, 'body');
      const reply = ask(version, { method: 'POST', path: '/big', body, expectContinue: true });
      await waits(1);
      server.release();
      const { status, informational } = await reply;
      assert.deepEqual([status, informational], [200, [100]]);
    });

    it('is refused where as many wait as may', async () => {
      await engine.reload(configuration({ request_queue_depth: 2 }));
      await hold(version);
      const overflow = await ended('overflow');
      const waiting = [ask(version), ask(version)];
      await waits(2);
      const refused = await ask(version);
      assert.equal(refused.status, 503);
      assert.equal(refused.headers['retry-after'], '1');
      assert.match(refused.body.toString(), /as many requests wait/);
      assert.equal(await ended('overflow'), overflow + 1);
      server.release();
      for (const { status } of await Promise.all(waiting)) assert.equal(status, 200);
    });

    it('is refused when its time is over, and the next one still gets its turn', async () => {
      await engine.reload(configuration({ server_timeout: 600 }));
      // A tunnel keeps the place longer than any request may wait.
      const tunnel = await new TicketClient().connect(engine.port);
      tunnel.socket.write(WEBSOCKET);
      await eventually(() => server.inFlight === 1, 'the place is taken');
      const expired = await ended('expired');
      const late = await ask(version);
      assert.equal(late.status, 503);
      assert.match(late.body.toString(), /no server had a place/);
      assert.equal(await ended('expired'), expired + 1);
      const next = ask(version);
      await waits(1);
      await tunnel.close();
      assert.equal((await next).status, 200);
    });

    it('of a client that goes leaves the queue', async () => {
      await hold(version);
      const seen = server.targets.length;
      const gone = await ended('client_gone');
      const client = openClient(version, engine.port);
      const abandoned = assert.rejects(client.request({ path: '/gone' }));
      await waits(1);
      const patient = ask(version, { path: '/patient' });
      await waits(2);
      client.close();
      await abandoned;
      await waits(1);
      assert.equal(await ended('client_gone'), gone + 1);
      server.release();
      assert.equal((await patient).status, 200);
      assert.deepEqual(server.targets.slice(seen), ['/patient']);
    });

    it('is served by what a reload brings while it waits', async () => {
      await hold(version);
      const waiting = [ask(version), ask(version)];
      await waits(2);
      await engine.reload(configuration({ max_concurrent_connections_per_server: 3 }));
      for (const { status } of await Promise.all(waiting)) assert.equal(status, 200);
      assert.equal(server.inFlight, 1, 'the first is there still');
      const more = [ask(version, { path: '/hold' }), ask(version, { path: '/hold' })];
      await eventually(() => server.inFlight === 3, 'three are there');
      more.push(ask(version));
      await waits(1);
      await engine.reload(configuration({ request_queue_enabled: false }));
      server.release();
      const statuses = (await Promise.all(more)).map(({ status }) => status);
      assert.deepEqual(statuses, [200, 200, 503], 'without a queue nobody waits');
    });
  });
}

describe('a client that belongs to a server at its limit', () => {
  for (const recovery of [
    'HM_DOWN_PICK_NEW_SERVER',
    'HM_DOWN_CONTINUE_PERSISTENT_SERVER',
    'HM_DOWN_ABORT_CONNECTION',
  ] as const) {
    it(`waits for its own server (${recovery})`, async () => {
      const other = await startHeldServer('web-2');
      const options = { persistence: true, recovery, servers: [server, other] };
      await engine.reload(configuration({}, options));
      const client = new TicketClient();
      const { server: name } = await client.visit(engine.port);
      const own = name === 'web-1' ? server : other;
      const busy = await client.connect(engine.port);
      const slow = busy.request('/hold');
      await eventually(() => own.inFlight === 1, 'the place is taken');
      const second = client.visit(engine.port);
      await waits(1);
      assert.equal(await engine.metric('limpet_server_over_limit_total'), 0);
      own.release();
      const { server: reached, reused } = await second;
      assert.deepEqual([reached, reused], [name, true]);
      assert.equal((await slow).status, 200);
      await busy.close();
      await engine.reload(configuration({}));
      await other.stop();
    });
  }

  it('is moved when its server is disabled while it waits', async () => {
    const other = await startHeldServer('web-2');
    const servers = [server, other];
    await engine.reload(configuration({}, { persistence: true, servers }));
    const client = new TicketClient();
    const { server: name } = await client.visit(engine.port);
    const own = name === 'web-1' ? server : other;
    const busy = await client.connect(engine.port);
    const slow = busy.request('/hold');
    await eventually(() => own.inFlight === 1, 'the place is taken');
    const second = client.visit(engine.port);
    await waits(1);
    const without = servers.map((one) => ({ name: one.name, port: one.port, enabled: one !== own }));
    await engine.reload(configuration({}, { persistence: true, servers: without }));
    assert.notEqual((await second).server, name);
    own.release();
    assert.equal((await slow).status, 200);
    await busy.close();
    await engine.reload(configuration({}));
    await other.stop();
  });
});

describe('a client that leaves while its request waits, which goes on without it (enable_fire_and_forget)', () => {
  it('is not counted at the server that its cookie leads to', async () => {
    const placed = () => engine.metric('limpet_server_connections_placed');
    const open = () => engine.metric('limpet_connections_open');
    const options = {
      persistence: true,
      persistenceProfile: cookieProfile('LIMPET'),
      httpProfile: { enable_fire_and_forget: true },
    };
    await engine.reload(configuration({}, options));
    await hold();
    assert.equal(await placed(), 1);
    // One of HTTP/1.1 that closes in order may still wait for its answer.
    const leaves = openClient('h2', engine.port);
    leaves.request({ path: '/late' }).catch(() => {});
    await waits(1);
    leaves.close();
    await eventually(async () => (await open()) === 1, 'it has left');
    assert.equal(await queued(), 1, 'its request waits on');
    server.release();
    await eventually(() => server.targets.at(-1) === '/late', 'and is served');
    for (const client of clients.splice(0)) client.close();
    await eventually(async () => (await open()) === 0, 'nobody is there');
    assert.equal(await placed(), 0);
  });
});

describe('an engine that drains', () => {
  it('lets requests that wait have their turn', async () => {
    const draining = await fleet.startEngine(configuration({}, { port: 0 }), ['--workers', '2']);
    const client = openClient('h1', draining.port);
    const held = client.request({ path: '/hold' });
    await eventually(() => server.inFlight === 1, 'the place is taken');
    const waiting = openClient('h2', draining.port);
    const reply = waiting.request();
    await eventually(async () => (await draining.metric('limpet_requests_queued')) === 1, 'one waits');
    const stopped = draining.stop();
    await eventually(() => draining.process.stderr().includes('DRAINING'), 'it drains');
    server.release();
    assert.equal((await held).status, 200);
    assert.equal((await reply).status, 200);
    client.close();
    waiting.close();
    await stopped;
  });
});
