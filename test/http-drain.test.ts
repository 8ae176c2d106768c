import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { createConnection } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { exchangeRaw, TicketClient } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

describe('an engine that is told to stop', () => {
  let origin: OriginServer;
  let bed: OneEngine;
  /** Responses that the server has not given yet. */
  let held: ServerResponse[];
  beforeEach(async () => {
    held = [];
    origin = await startOriginServer((request, response) => {
      if (request.url === '/held') held.push(response);
      else response.end('ok\n');
    });
    bed = await startOneEngine(origin, {}, ['--drain-timeout', '2']);
  });
  afterEach(async () => {
    await bed.stop();
    await origin.stop();
  });

  async function atServer(requests: number): Promise<void> {
    await eventually(() => held.length === requests, 'the requests are at the server');
  }

  /** Resolves when nothing accepts any more. */
  async function sendSigterm(): Promise<void> {
    bed.engine.process.child.kill('SIGTERM');
    await eventually(() => refusesConnections(bed.port), 'new connections are refused');
  }

  it('lets requests in flight end, tells their clients to go, and ends with 0', async () => {
    const idle = await new TicketClient().connect(bed.port);
    assert.equal((await idle.request('/')).headers.get('connection'), undefined);
    const busy = await new TicketClient().connect(bed.port);
    const answer1 = busy.request('/held');
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    const goaway = once(session, 'goaway');
    const stream = session.request({ ':path': '/held' });
    const answer2 = once(stream, 'response');
    let body2 = '';
    stream.on('data', (part: Buffer) => {
      body2 += part.toString();
    });
    await atServer(2);

    const idleEnded = once(idle.socket, 'end');
    await sendSigterm();
    await idleEnded;
    const [code] = await goaway;
    assert.equal(code, 0);
    assert.equal(bed.engine.process.child.exitCode, null, 'it waits for what is in flight');
    for (const response of held) response.end('at last\n');

    const { status, body, headers } = await answer1;
    assert.equal(status, 200);
    assert.equal(body, 'at last\n');
    assert.equal(headers.get('connection'), 'close');
    const [head] = await answer2;
    assert.equal(head[':status'], 200);
    await once(session, 'close');
    assert.equal(body2, 'at last\n');
    await busy.close();
    assert.equal(await bed.engine.process.exited, 0);
  });

  it('lets a response that has begun end, and then its connection', async () => {
    const answer = exchangeRaw(bed.port, ['GET /held HTTP/1.1\r\nHost: a\r\n\r\n'], 10_000);
    await atServer(1);
    const [response] = held as [ServerResponse];
    response.write('begun');
    await sendSigterm();
    response.end(' and ended\n');
    const { text, ending } = await answer;
    assert.match(text, /begun\r\n[0-9a-f]+\r\n and ended\n\r\n0\r\n\r\n$/);
    assert.equal(ending, 'end');
    assert.equal(await bed.engine.process.exited, 0);
  });

  it('cuts a request that never ends when the drain timeout is over, and ends with 0', async () => {
    const answer1 = exchangeRaw(bed.port, ['GET /held HTTP/1.1\r\nHost: a\r\n\r\n'], 60_000);
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    const stream = session.request({ ':path': '/held' });
    stream.on('error', () => {});
    session.on('error', () => {});
    const closed = once(session, 'close');
    await atServer(2);
    const startMs = performance.now();
    bed.engine.process.child.kill('SIGTERM');
    assert.equal(await bed.engine.process.exited, 0);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs >= 2000, `${tookMs} ms`);
    const { text, ending } = await answer1;
    assert.equal(text, '');
    assert.notEqual(ending, 'timeout');
    await closed;
    assert.match(bed.engine.process.stderr(), /"connections":2.*connections were cut at the drain deadline/);
  });

  it('waits for clients of a virtual service that a reload has taken away, too', async () => {
    const busy = await new TicketClient().connect(bed.port);
    const answer1 = busy.request('/held');
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    const stream = session.request({ ':path': '/held' });
    const answer2 = once(stream, 'response');
    stream.resume();
    await atServer(2);
    // Another name is another virtual service, on a port of its own.
    await bed.reload({ virtualService: { name: 'successor' } });
    await sendSigterm();
    await eventually(() => bed.engine.process.stderr().includes('"event":"DRAINING"'), 'it drains');
    // Long enough for several looks at what is left.
    const lookedAtMs = performance.now() + 300;
    await eventually(() => performance.now() > lookedAtMs, 'it has looked');
    assert.equal(bed.engine.process.child.exitCode, null, 'it waits for what is in flight');
    for (const response of held) response.end('at last\n');
    const { status, body } = await answer1;
    assert.deepEqual([status, body], [200, 'at last\n']);
    assert.equal((await answer2)[0][':status'], 200);
    await once(session, 'close');
    await busy.close();
    assert.equal(await bed.engine.process.exited, 0);
    assert.doesNotMatch(bed.engine.process.stderr(), /connections were cut/);
  });

  it('ends at once where nothing is in flight, idle connections or not', async () => {
    const idle = await new TicketClient().connect(bed.port);
    await idle.request('/');
    const unused = await new TicketClient().connect(bed.port);
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    await once(session, 'remoteSettings');
    bed.engine.process.child.kill('SIGTERM');
    assert.equal(await bed.engine.process.exited, 0);
    // Those that are left when the time to drain is over are cut, and that is said.
    assert.doesNotMatch(bed.engine.process.stderr(), /connections were cut/);
    await Promise.all([idle.close(), unused.close()]);
    session.destroy();
  });
});

function refusesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}
