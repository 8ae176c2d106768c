// An engine holds as many connections as its memory allows: one more is refused, and nobody who is served suffers by it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ClientConnection, demoConfiguration, TicketClient } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const LIMIT = 6;
const WORKERS = 2;
/** As docs/memory.md says: the engine, its workers, and each connection. */
const MEMORY_BYTES = 96 * 2 ** 20 + WORKERS * 64 * 2 ** 20 + LIMIT * 160 * 2 ** 10;

let fleet: Fleet;
let origin: OriginServer;
let engine: Engine;
const configuration = () =>
  demoConfiguration({
    port: 0,
    servers: [{ name: 'origin', port: origin.port }],
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    monitored: false,
  });
before(async () => {
  fleet = await createFleet();
  origin = await startOriginServer();
  const limits = ['--workers', String(WORKERS), '--memory-limit', String(MEMORY_BYTES)];
  engine = await fleet.startEngine(configuration(), limits);
});
after(async () => {
  await fleet.stop();
  await origin.stop();
});

const open = () => engine.metric('limpet_connections_open');
const refused = () => engine.metric('limpet_connections_failed_total', 'capacity');

/** Whether a connection is reset before a byte of TLS. */
function isRefused(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(engine.port, '127.0.0.1');
    let isReset = false;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      isReset = error.code === 'ECONNRESET';
    });
    socket.on('close', () => resolve(isReset));
    socket.resume();
    // One that is taken is left in peace; a refusal comes within one round trip.
    const timer = setTimeout(() => socket.destroy(), 300);
    socket.on('close', () => clearTimeout(timer));
  });
}

async function connections(count: number): Promise<ClientConnection[]> {
  return Promise.all(Array.from({ length: count }, () => new TicketClient().connect(engine.port)));
}

describe('an engine that holds as many connections as it may', () => {
  it('resets the next one, serves the others on, and takes one more when one closes', async () => {
    assert.equal(await engine.metric('limpet_connections_limit'), LIMIT);
    const held = await connections(LIMIT - 1);
    const h2 = openClient('h2', engine.port);
    assert.equal((await h2.request()).status, 200);
    const before = await refused();
    for (let count = 0; count < 5; count++) assert.equal(await isRefused(), true);
    await eventually(async () => (await refused()) === before + 5, 'each is counted');
    for (const connection of held) assert.equal((await connection.request('/')).status, 200);
    assert.equal((await h2.request()).status, 200);
    const said = () => engine.process.stderr().split('CONNECTIONS_AT_CAPACITY').length - 1;
    await eventually(() => said() === 1, 'the log says it once');
    assert.match(engine.process.stderr(), /"event":"CONNECTIONS_AT_CAPACITY","bound_by":"memory"/);
    await held.pop()?.close();
    await eventually(async () => (await open()) === LIMIT - 1, 'one is closed');
    const [next] = await connections(1);
    assert.equal((await next?.request('/'))?.status, 200);
    await Promise.all([...held, next].map((connection) => connection?.close()));
    h2.close();
    await eventually(async () => (await open()) === 0, 'all are closed');
    await eventually(() => engine.process.stderr().includes('CONNECTIONS_BELOW_CAPACITY'), 'and that, too');
  });

  it('counts to the end of the socket, whatever ended it, and so never loses a place', async () => {
    for (let round = 0; round < 4; round++) {
      const sockets: Socket[] = [];
      for (let count = 0; count < LIMIT; count++) {
        const socket = createConnection(engine.port, '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        if (count % 2 === 0) socket.write('no TLS at all, and no HTTP');
        sockets.push(socket);
      }
      // Node never closes a socket that is reset while its end is on the way: those that the engine has ended are just closed.
      for (const [index, socket] of sockets.entries()) {
        if (index % 2 === 0) socket.destroy();
        else socket.resetAndDestroy();
      }
      await eventually(async () => (await open()) === 0, 'all are gone');
    }
    const held = await connections(LIMIT);
    assert.equal(await isRefused(), true);
    await Promise.all(held.map((connection) => connection.close()));
    await eventually(async () => (await open()) === 0, 'all are closed');
  });

  it('does not let those that say nothing keep out those that do', async () => {
    const startMs = performance.now();
    const silent: Socket[] = [];
    const gone = new Set<Socket>();
    for (let count = 0; count < LIMIT; count++) {
      const socket = createConnection(engine.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => gone.add(socket));
      await once(socket, 'connect');
      silent.push(socket);
    }
    await eventually(async () => (await open()) === LIMIT, 'every place is taken');
    // Which worker a connection comes to is the kernel's choice; it has silent ones of its own to send away, sooner or later.
    await eventually(async () => !(await isRefused()), 'one of them has given way');
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
    assert.ok(gone.size >= 1);
    // After five seconds their time is up.
    assert.ok(gone.size < LIMIT || performance.now() - startMs > 4500, `${gone.size} gave way`);
    for (const socket of silent) socket.destroy();
  });

  it('counts each stream beside the first of its connection, and refuses one too many so that the client may ask again', async () => {
    const held: ServerResponse[] = [];
    const { handler } = origin;
    origin.handler = (_request, response) => void held.push(response);
    const h2 = openClient('h2', engine.port);
    const asked = Array.from({ length: LIMIT + 120 }, () =>
      h2.request().then(
        ({ status }) => String(status),
        (error: Error) => error.message,
      ),
    );
    await eventually(() => held.length === LIMIT, 'as many requests as there are places have come');
    assert.equal(await isRefused(), true);
    // The refused ones end by themselves, however many; the others and their connection go on.
    const refusals = await Promise.all(asked.slice(LIMIT));
    for (const refusal of refusals) assert.match(refusal, /REFUSED_STREAM|with 7$/);
    origin.handler = handler;
    for (const response of held) response.end('ok\n');
    assert.deepEqual(await Promise.all(asked.slice(0, LIMIT)), Array<string>(LIMIT).fill('200'));
    assert.equal((await h2.request()).status, 200);
    const taken = async () => (await engine.runtime()).connections.places_taken;
    await eventually(async () => (await taken()) === 1, 'the connection keeps its own place alone');
    h2.close();
    await eventually(async () => (await taken()) === 0, 'no place is taken');
  });

  it('does not start with memory for none', async () => {
    await assert.rejects(
      fleet.startEngine(configuration(), ['--memory-limit', '100M', '--workers', '2']),
      /MEMORY_TOO_SMALL/,
    );
    await assert.rejects(fleet.startEngine(configuration(), ['--memory-limit', 'much']), /512M/);
  });
});
