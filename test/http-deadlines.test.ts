import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { createConnection } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { exchangeRaw, TicketClient } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { bothVersions, openClient } from './support/http-clients.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { bodyOf, type OriginServer, startOriginServer } from './support/origin-server.ts';

// One deadline is short in each group and the others are not, so that it is known which one ended the connection.
const LONG_MS = 60_000;
const SHORT_MS = 300;
const LONG = {
  client_header_timeout: LONG_MS,
  client_body_timeout: LONG_MS,
  keepalive_timeout: LONG_MS,
  post_accept_timeout: LONG_MS,
};

describe('a client that is too slow (R16)', () => {
  let origin: OriginServer;
  let bed: OneEngine;
  before(async () => {
    origin = await startOriginServer();
    bed = await startOneEngine(origin, { httpProfile: LONG });
  });
  beforeEach(() => {
    origin.handler = async (request, response) => {
      await bodyOf(request).catch(() => {});
      response.end('ok\n');
    };
  });
  after(async () => {
    await bed.stop();
    await origin.stop();
  });

  it('with its request head gets 408, and the server sees nothing of it', async () => {
    await bed.reload({ httpProfile: { ...LONG, client_header_timeout: SHORT_MS } });
    const { text, ending } = await exchangeRaw(bed.port, ['GET /slow-head HTTP/1.1\r\nHost: a\r\n'], 10_000);
    assert.match(text, /^HTTP\/1\.1 408 Request Timeout\r\n/);
    assert.match(text, /\r\nConnection: close\r\n/);
    assert.equal(ending, 'end');
    assert.ok(!origin.requests.includes('GET /slow-head'));
  });

  it('with its next request head gets 408, too, though each byte of it comes in time', async () => {
    const connection = await new TicketClient().connect(bed.port);
    assert.equal((await connection.request('/first')).status, 200);
    const { socket } = connection;
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    const drip = setInterval(() => socket.write('x'), SHORT_MS / 4);
    socket.write('GET /');
    await once(socket, 'end');
    clearInterval(drip);
    assert.match(text, /^HTTP\/1\.1 408 /);
    await connection.close();
  });

  it('with its request body gets 408 and the server sees that the body is not whole', async () => {
    await bed.reload({ httpProfile: { ...LONG, client_body_timeout: SHORT_MS } });
    for (const version of bothVersions) {
      let whole: boolean | undefined;
      origin.handler = (request) => {
        bodyOf(request).then(
          () => {
            whole = true;
          },
          () => {
            whole = false;
          },
        );
      };
      assert.equal(await statusOfHalfBody(version, bed.port), 408, version);
      await eventually(() => whole === false, 'the server sees the end of the connection');
    }
  });

  it('with taking the response is cut off', async () => {
    origin.handler = (_request, response) => response.end(Buffer.alloc(64 * 1024 * 1024));
    const { socket } = await new TicketClient().connect(bed.port);
    socket.removeAllListeners('data');
    socket.pause();
    socket.on('error', () => {});
    socket.write('GET /unread HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(async () => (await openConnections()) === 0, 'the connection is cut off');
    socket.destroy();
  });

  const openConnections = () => bed.engine.metric('limpet_connections_open');

  it('with its next request has its connection closed', async () => {
    await bed.reload({ httpProfile: { ...LONG, keepalive_timeout: SHORT_MS } });
    for (const version of bothVersions) {
      const client = openClient(version, bed.port);
      assert.equal((await client.request()).status, 200);
      assert.equal(await openConnections(), 1);
      await eventually(
        async () => (await openConnections()) === 0,
        `the idle connection is closed (${version})`,
      );
      client.close();
    }
  });

  it('with its first request has its connection closed without an answer', async () => {
    await bed.reload({ httpProfile: { ...LONG, post_accept_timeout: SHORT_MS } });
    assert.deepEqual(await exchangeRaw(bed.port, [], 10_000), { text: '', ending: 'end' });
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    await once(session, 'close');
  });

  it('is not held to these deadlines while it waits for the server', async () => {
    await bed.reload({
      httpProfile: {
        client_header_timeout: SHORT_MS,
        client_body_timeout: SHORT_MS,
        keepalive_timeout: SHORT_MS,
        post_accept_timeout: SHORT_MS,
      },
    });
    origin.handler = (_request, response) => {
      response.write('slow');
      setTimeout(() => response.end(' server\n'), 2 * SHORT_MS);
    };
    for (const version of bothVersions) {
      const client = openClient(version, bed.port);
      const { body } = await client.request();
      client.close();
      assert.equal(body.toString(), 'slow server\n', version);
    }
  });

  // Not configurable, as are the 10 s for the rest of the handshake, which are too long to be waited for here.
  it('with its ClientHello is closed after 5 s', async () => {
    const startMs = performance.now();
    const silent = createConnection(bed.port, '127.0.0.1');
    const begun = createConnection(bed.port, '127.0.0.1', () => begun.write(Buffer.from([22, 3, 1])));
    await Promise.all([silent, begun].map((socket) => once(socket.resume(), 'close')));
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > 3000 && tookMs < 30_000, `${tookMs} ms`);
  });
});

/** The status that comes when half of a body is sent and no more. */
async function statusOfHalfBody(version: 'h1' | 'h2', port: number): Promise<number> {
  if (version === 'h1') {
    const { text } = await exchangeRaw(
      port,
      ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf!'],
      10_000,
    );
    return Number(text.split(' ')[1]);
  }
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const stream = session.request({ ':method': 'POST' });
  stream.on('error', () => {});
  stream.write('half!');
  const [head] = await once(stream, 'response');
  session.destroy();
  return Number(head[':status']);
}
