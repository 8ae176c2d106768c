// A server that the operator disables: nothing new comes to it, what is under way ends or is cut, as the pool says.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { after, afterEach, before, describe, it } from 'node:test';
import {
  type ClientConnection,
  type DemoConfigurationOptions,
  demoConfiguration,
  TicketClient,
} from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { type HeldServer, startHeldServer } from './support/held-server.ts';

const NEVER = -1;
const WEBSOCKET =
  'GET /tunnel HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

let fleet: Fleet;
let servers: [HeldServer, HeldServer];
let engine: Engine;
before(async () => {
  fleet = await createFleet();
  servers = [await startHeldServer('web-1'), await startHeldServer('web-2')];
  engine = await fleet.startEngine(configuration({}), ['--workers', '2']);
});
after(async () => {
  await fleet.stop();
  await Promise.all(servers.map((server) => server.stop()));
});
afterEach(async () => {
  for (const server of servers) server.release();
  await engine.reload(configuration({}));
});

let turn = 0;
function configuration(
  pool: Record<string, unknown>,
  disabled = '',
  changes: Partial<DemoConfigurationOptions> = {},
) {
  return demoConfiguration({
    port: engine?.port ?? 0,
    servers: servers.map(({ name, port }) => ({ name, port, enabled: name !== disabled })),
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    monitored: false,
    ...changes,
    // Each configuration is a new one.
    pool: { server_timeout: 50_000 + turn++, ...pool },
  });
}

/** A client that belongs to a server, with tickets left. */
async function bound(): Promise<{ client: TicketClient; name: string; server: HeldServer; other: string }> {
  const client = new TicketClient();
  const { server: name } = await client.visit(engine.port);
  const server = servers.find((candidate) => candidate.name === name) as HeldServer;
  const other = servers.find((candidate) => candidate.name !== name)?.name as string;
  return { client, name, server, other };
}

/** A further connection of the client, on the server that it belongs to. */
async function join(client: TicketClient, name: string): Promise<ClientConnection> {
  const connection = await client.connect(engine.port);
  // Its new tickets have come before the answer.
  assert.equal((await connection.request('/')).server, name);
  return connection;
}

/** Goes on as WebSocket; the function tells what came back. */
async function openTunnel({ socket }: ClientConnection): Promise<() => string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.write(WEBSOCKET);
  await eventually(() => text.includes('\r\n\r\n'), 'the tunnel is open');
  assert.match(text, /^HTTP\/1\.1 101 /);
  return () => text.slice(text.indexOf('\r\n\r\n') + 4);
}

async function serverOf(name: string) {
  const { pools } = await engine.runtime();
  const found = pools[0]?.servers.find((server) => server.name === name);
  assert.ok(found);
  return found;
}

const closed = (connection: ClientConnection) => connection.socket.destroyed;

describe('a server that is disabled', () => {
  it('gets nothing new, from new connections and old ones, and ends what is under way', async () => {
    const { client, name, server, other } = await bound();
    const idle = await join(client, name);
    const busy = await join(client, name);
    const tunnel = await join(client, name);
    const slow = busy.request('/hold');
    const echoed = await openTunnel(tunnel);
    await eventually(() => server.inFlight === 2, 'the request is under way');
    const seen = server.targets.length;

    await engine.reload(configuration({ graceful_disable_timeout: NEVER }, name));
    await eventually(() => server.connections === 2, 'idle connections to it are closed');
    assert.equal((await serverOf(name)).oper_status, 'OPER_DISABLING');
    assert.equal(await engine.metric('limpet_server_draining', name), 1);

    const moved = await idle.request('/');
    assert.equal(moved.server, other);
    assert.equal(moved.headers.get('connection'), 'close', 'the client is told to come anew');
    for (let visit = 0; visit < 3; visit++) assert.equal((await client.visit(engine.port)).server, other);
    assert.equal((await new TicketClient().visit(engine.port)).server, other);
    tunnel.socket.write('still here');
    await eventually(() => echoed() === 'still here', 'the tunnel goes on');
    server.release();
    assert.equal((await slow).status, 200);
    assert.equal(server.targets.length, seen, 'it got nothing more');
    await Promise.all([idle.close(), busy.close(), tunnel.close()]);
    await eventually(
      async () => (await serverOf(name)).oper_status === 'OPER_DISABLED',
      'nothing is left at it',
    );
    assert.equal(await engine.metric('limpet_server_draining', name), 0);
    assert.equal((await serverOf(name)).connections, 0);
  });

  it('is cut off from tunnels and long answers when its time is over, and idle clients of it come anew', async () => {
    const { client, name, server } = await bound();
    const idle = await join(client, name);
    const streaming = await join(client, name);
    const tunnel = await join(client, name);
    const stream = assert.rejects(streaming.request('/stream'), { code: 'ECONNRESET' });
    await openTunnel(tunnel);
    await eventually(() => server.targets.includes('/stream'), 'the answer has begun');
    await engine.reload(configuration({ graceful_disable_timeout: NEVER }, name));
    const cut = await engine.metric('limpet_server_requests_cut_total', name);
    await engine.reload(configuration({ graceful_disable_timeout: 0 }, name));
    await stream;
    await eventually(() => closed(idle), 'a connection that belongs to it is closed');
    assert.equal(await engine.metric('limpet_server_requests_cut_total', name), cut + 2);
    await eventually(async () => (await serverOf(name)).active_requests === 0, 'nothing is under way at it');
    assert.equal((await serverOf(name)).connections, 0);
    await eventually(() => server.inFlight === 0, 'the server sees it');
    assert.equal((await serverOf(name)).oper_status, 'OPER_DISABLED');
    assert.match(engine.process.stderr(), /SE_SERVER_DRAINED/);
    await eventually(() => closed(tunnel), 'the tunnel is cut');
  });

  it('with no time to end is left at once: what can be asked again elsewhere is, the rest is told', async () => {
    const { client, name, server, other } = await bound();
    const [asking, sending] = [await client.connect(engine.port), await client.connect(engine.port)];
    const get = asking.request('/hold');
    const post = sending.request('/hold', { method: 'POST', body: 'once only' });
    await eventually(() => server.inFlight === 2, 'both are under way');
    await engine.reload(configuration({ graceful_disable_timeout: 0 }, name));
    const refused = await post;
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get('retry-after'), '1');
    const elsewhere = servers.find((candidate) => candidate.name === other) as HeldServer;
    await eventually(() => elsewhere.inFlight === 1, 'another server is asked');
    elsewhere.release();
    const answer = await get;
    assert.deepEqual([answer.status, answer.server], [200, other]);
    assert.equal(answer.headers.get('connection'), 'close');
    await Promise.all([asking.close(), sending.close()]);
  });

  it('in the middle of an HTTP/2 connection loses its streams, and the client is told to come anew', async () => {
    const { client, name, server, other } = await bound();
    const session = connectHttp2(`https://127.0.0.1:${engine.port}`, {
      servername: 'localhost',
      rejectUnauthorized: false,
      session: client.takeTicket(),
    } as object);
    session.on('error', () => {});
    const ask = (path: string) => {
      const stream = session.request({ ':path': path, ':authority': 'localhost' });
      stream.on('error', () => {});
      stream.resume();
      return stream;
    };
    const streaming = ask('/stream');
    const [head] = (await once(streaming, 'response')) as [Record<string, string>];
    assert.equal(head['x-demo-server'], name);
    const tunnel = session.request(
      {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': '/tunnel',
        ':authority': 'localhost',
        'sec-websocket-version': '13',
      },
      { endStream: false },
    );
    tunnel.on('error', () => {});
    await once(tunnel, 'response');
    await engine.reload(configuration({ graceful_disable_timeout: NEVER }, name));
    const goaway = once(session, 'goaway');
    const [moved] = (await once(ask('/'), 'response')) as [Record<string, string>];
    assert.equal(moved['x-demo-server'], other, 'a new stream goes elsewhere');
    await goaway;
    assert.equal(server.inFlight, 2, 'the old ones go on');
    const ends = [streaming, tunnel].map((stream) => new Promise((resolve) => stream.once('close', resolve)));
    await engine.reload(configuration({ graceful_disable_timeout: 0 }, name));
    await Promise.all(ends);
    assert.notEqual(streaming.rstCode, 0);
    assert.notEqual(tunnel.rstCode, 0);
    await eventually(() => server.inFlight === 0, 'the server sees it');
    session.destroy();
    await eventually(async () => (await serverOf(name)).active_requests === 0, 'no place is kept');
  });

  it('keeps the clients that belong to it, and gets no others, where the pool allows it', async () => {
    const { client, name, other } = await bound();
    const open = await client.connect(engine.port);
    const allow = { server_disable_type: 'ALLOW_NEW_CONNECTION_IF_PERSISTENCE_PRESENT' };
    await engine.reload(configuration({ ...allow, graceful_disable_timeout: 1 }, name));
    assert.equal((await open.request('/')).server, name);
    await open.close();
    for (let visit = 0; visit < 4; visit++) {
      const kept = await client.visit(engine.port);
      assert.deepEqual([kept.server, kept.reused], [name, true]);
    }
    for (const host of ['a', 'b', 'c', 'd', 'e', 'f'])
      assert.equal(
        (await new TicketClient({ servername: `${host}.limpet.test` }).visit(engine.port)).server,
        other,
      );
    await engine.reload(configuration({ ...allow, graceful_disable_timeout: 0 }, name));
    const moved = await client.visit(engine.port);
    assert.deepEqual([moved.server, moved.reused], [other, false]);
  });

  it('that is enabled again in the meantime keeps everything', async () => {
    const { client, name, server } = await bound();
    const connection = await client.connect(engine.port);
    const slow = connection.request('/hold');
    await eventually(() => server.inFlight === 1, 'the request is under way');
    await engine.reload(configuration({ graceful_disable_timeout: 1 }, name));
    await engine.reload(configuration({ graceful_disable_timeout: 1 }));
    await engine.reload(configuration({ graceful_disable_timeout: 0 }));
    server.release();
    assert.equal((await slow).status, 200);
    assert.equal((await connection.request('/')).server, name);
    await connection.close();
    assert.equal((await client.visit(engine.port)).server, name);
    assert.equal((await serverOf(name)).oper_status, 'OPER_UP');
  });
});

describe('a pool that is disabled', () => {
  it('is one whose servers are all disabled', async () => {
    const { client, server } = await bound();
    const connection = await client.connect(engine.port);
    const slow = connection.request('/hold');
    await eventually(() => server.inFlight === 1, 'the request is under way');
    await engine.reload(configuration({ graceful_disable_timeout: NEVER, enabled: false }));
    assert.equal((await client.visit(engine.port)).status, 503);
    assert.equal((await new TicketClient().visit(engine.port)).status, 503);
    server.release();
    assert.equal((await slow).status, 200);
    assert.equal((await connection.request('/')).status, 503);
    await connection.close();
  });
});
