// File descriptors run out: no server is blamed, no client is moved, it is logged once, and all is well when some come free.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, renameSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ServerHttp2Session,
} from 'node:http2';
import { type AddressInfo, createConnection, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DemoConfigurationOptions, demoConfiguration, TicketClient } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';
import { startAll } from './support/start-all.ts';

// The engine's plan lets 84 clients in (docs/memory.md); the streams of a few of them, which its memory alone bounds, want more than all.
const LIMIT = 600;
const CLIENTS_MAX = 84;
const LIMITS = ['--workers', '1', '--memory-limit', '512M'];

let servers: readonly OriginServer[];
let held: ServerResponse[];
let fleet: Fleet;
before(async () => {
  held = [];
  const startServer = () =>
    startOriginServer((request, response) => {
      if (request.url === '/held') held.push(response);
      else response.end('ok\n');
    });
  [fleet, ...servers] = await startAll<[Fleet, OriginServer, OriginServer]>([
    createFleet({ descriptorLimit: LIMIT }),
    startServer(),
    startServer(),
  ]);
});
after(async () => {
  await fleet.stop();
  await Promise.all(servers.map((server) => server.stop()));
});

function configuration(options: Partial<DemoConfigurationOptions> = {}): Record<string, unknown[]> {
  return demoConfiguration({
    port: 0,
    servers: servers.map(({ port }, index) => ({ name: `s${index}`, port })),
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    healthMonitor: { send_interval: 2, receive_timeout: 1, failed_checks: 1, successful_checks: 1 },
    ...options,
  });
}

function startEngine(): Promise<Engine> {
  return fleet.startEngine(configuration(), LIMITS);
}

async function allUp(engine: Engine): Promise<boolean> {
  const { pools } = await engine.runtime();
  return pools.every((pool) => pool.servers.every(({ oper_status }) => oper_status === 'OPER_UP'));
}

function times(engine: Engine, text: string): number {
  return engine.process.stderr().split(text).length - 1;
}

describe('an engine without file descriptors to spare', () => {
  it('with none left for servers answers 503 and says why, blames no server and moves no client', async (t) => {
    const engine = await startEngine();
    const { limit, limited_by, places_limit } = (await engine.runtime()).connections;
    assert.deepEqual([limit, limited_by], [CLIENTS_MAX, 'descriptors']);
    assert.ok(places_limit > LIMIT, 'the memory has room for every stream');
    const client = new TicketClient();
    const { server } = await client.visit(engine.port);
    // Streams of six clients, each with a connection to a server: more than there are descriptors.
    const sessions = Array.from({ length: 6 }, () => openClient('h2', engine.port));
    t.after(() => {
      for (const session of sessions) session.close();
    });
    const asked = sessions.flatMap((session) =>
      Array.from({ length: 100 }, () =>
        session.request({ path: '/held' }).then(
          ({ status }) => status,
          (error: Error) => error.message,
        ),
      ),
    );
    const answers = Promise.all(asked);
    const refused = () => engine.records().filter(({ error }) => error === 'RESOURCES_SHORT');
    await eventually(() => refused().length > 0, 'some requests are refused');
    const [record] = refused();
    assert.equal(record?.response_code, 503);
    await eventually(() => times(engine, '"event":"DESCRIPTORS_SHORT"') === 1, 'it is logged');
    // Through rounds of probes, of which none could be made. Nothing can be asked of the admin server, which has no descriptor either.
    const settledAtMs = performance.now() + 4500;
    await eventually(() => performance.now() > settledAtMs, 'probes went by');
    assert.equal(times(engine, '"event":"SE_EV_SERVER_DOWN"'), 0, 'no server is taken for down');
    // A reload and a log that is opened anew want descriptors, too: whether they get them or not, nothing breaks.
    const log = join(fleet.folder, 'engine-0.log');
    renameSync(log, `${log}.1`);
    engine.replaceConfiguration(JSON.stringify(configuration({ pool: { server_timeout: 12_345 } })));
    engine.process.child.kill('SIGHUP');
    const reloads = () =>
      times(engine, '"event":"CONFIG_REFUSED"') + times(engine, '"event":"CONFIG_APPLIED"');
    await eventually(() => reloads() > 1, 'the reload is answered');
    assert.ok(held.length > CLIENTS_MAX, `${held.length} requests are at servers`);
    for (const response of held) response.end('at last\n');
    assert.deepEqual(new Set(await answers), new Set([200, 503]));
    for (const session of sessions) session.close();
    await eventually(
      () => allUp(engine).catch(() => false),
      'the admin server answers again, and all are up',
    );
    assert.equal(await engine.metric('limpet_server_failures_total'), 0);
    assert.equal(await engine.metric('limpet_server_connect_failures_total'), 0);
    assert.equal(await engine.metric('limpet_persistence_changed_total'), 0);
    assert.equal((await client.visit(engine.port)).server, server);
    assert.equal(times(engine, '"event":"DESCRIPTORS_SHORT"'), 1, 'once an episode');
    assert.equal(times(engine, '"event":"DESCRIPTORS_ENOUGH"'), 1, 'and so is its end');
    assert.equal(times(engine, 'a worker ended'), 0);
    engine.process.child.kill('SIGHUP');
    await eventually(async () => (await engine.runtime()).config.version > 1, 'the reload is made up for');
    await eventually(() => existsSync(log), 'and so is the log');
    await eventually(
      async () => (await engine.metric('limpet_server_requests_active')) === 0,
      'nothing is counted any more',
    );
    await engine.stop();
  });

  it('closes idle HTTP/2 sessions to servers, as it does idle connections', async (t) => {
    const http2 = createHttp2Server((_request, response) => response.end('ok\n'));
    const sessions = new Set<ServerHttp2Session>();
    http2.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
    });
    t.after(() => void http2.close());
    http2.listen(0, '127.0.0.1');
    await once(http2, 'listening');
    const { port } = http2.address() as AddressInfo;
    // It does not offer WebSocket over HTTP/2, so each comes on a connection of HTTP/1.1, on which it says nothing.
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', (first: Buffer) => {
        if (!first.toString('latin1').startsWith('PRI ')) return;
        const back = createConnection({ host: '127.0.0.1', port });
        sockets.add(back);
        back.on('error', () => {});
        back.write(first);
        socket.pipe(back).pipe(socket);
      });
    });
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const engine = await fleet.startEngine(
      configuration({
        servers: [{ name: 'h2', port: (server.address() as AddressInfo).port }],
        monitored: false,
        persistence: false,
        pool: { enable_http2: true },
      }),
      LIMITS,
    );
    const client = openClient('h1', engine.port);
    t.after(() => client.close());
    assert.equal((await client.request()).status, 200);
    assert.equal(sessions.size, 1);
    const clients = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const session = connectHttp2(`https://127.0.0.1:${engine.port}`, { rejectUnauthorized: false });
        session.on('error', () => {});
        t.after(() => session.destroy());
        await once(session, 'remoteSettings');
        return session;
      }),
    );
    const fields = {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/',
      ':authority': 'localhost',
    };
    for (const session of clients) {
      for (let asked = 0; asked < 100; asked++) {
        const stream = session.request({ ...fields, 'sec-websocket-version': '13' }, { endStream: false });
        stream.on('error', () => {});
      }
    }
    await eventually(() => sessions.size === 0, 'the idle session is closed');
    for (const session of clients) session.destroy();
    await eventually(async () => (await client.request()).status === 200, 'there are descriptors again');
    assert.equal(times(engine, 'a worker ended'), 0);
    await engine.stop();
  });
});
