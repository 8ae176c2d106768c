// Connections that their clients leave, at any stage, are given up in time: nothing of them stays.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, constants } from 'node:http2';
import { createConnection, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { eventually } from './support/engine.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';
import { clientHelloWithTicket } from './support/raw-hello.ts';
import { frame, frameType, getFields, headersFrame, openRawHttp2 } from './support/raw-http2.ts';
import { startAll } from './support/start-all.ts';

const MORE_THAN_BUFFERS_HOLD = Buffer.alloc(32_000_000);
/** Well below the wait of `eventually`: it is what the connections of some clients last. */
const CLIENT_BODY_TIMEOUT_MS = 5000;

let origin: OriginServer;
let bed: OneEngine;
let silent: OneEngine;
const unread: ServerResponse[] = [];
before(async () => {
  origin = await startOriginServer((request, response) => {
    if (request.url === '/more-than-buffers-hold') {
      response.write(MORE_THAN_BUFFERS_HOLD);
      unread.push(response);
    } else {
      // More than the client reads, and never the end of it.
      response.write(Buffer.alloc(4_000_000));
    }
  });
  [bed, silent] = await startAll<[OneEngine, OneEngine]>([
    startOneEngine(origin, { httpProfile: { keepalive_timeout: 3000, post_accept_timeout: 3000 } }),
    startOneEngine(origin, { httpProfile: { client_body_timeout: CLIENT_BODY_TIMEOUT_MS } }),
  ]);
});
after(async () => {
  // Where one does not start there is neither.
  await Promise.all([bed?.stop(), silent?.stop()]);
  await origin.stop();
});

async function connectRaw(port = bed.port): Promise<Socket> {
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A TLS connection with the socket beneath, so that it can be reset. */
async function secure(alpn: string): Promise<{ readonly raw: Socket; readonly tls: TLSSocket }> {
  const raw = await connectRaw();
  const tls = connectTls({
    socket: raw,
    rejectUnauthorized: false,
    servername: 'localhost',
    ALPNProtocols: [alpn],
  });
  tls.on('error', () => {});
  await once(tls, 'secureConnect');
  return { raw, tls };
}

const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

const STAGES: Readonly<Record<string, () => Promise<Socket>>> = {
  'after the TCP handshake': () => connectRaw(),
  'within its ClientHello': async () => {
    const socket = await connectRaw();
    socket.write(clientHelloWithTicket(randomBytes(176)).subarray(0, 60));
    return socket;
  },
  'after its ClientHello': async () => {
    const socket = await connectRaw();
    socket.write(clientHelloWithTicket(randomBytes(176)));
    return socket;
  },
  'after the TLS handshake': async () => (await secure('http/1.1')).raw,
  'within a request head': async () => {
    const { raw, tls } = await secure('http/1.1');
    tls.write('GET / HTTP/1.1\r\nHos');
    return raw;
  },
  'within a request body': async () => {
    const { raw, tls } = await secure('http/1.1');
    tls.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\npart');
    return raw;
  },
  'within its response': async () => {
    const { raw, tls } = await secure('http/1.1');
    tls.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(tls, 'data');
    return raw;
  },
  'after its HTTP/2 preface': async () => {
    const { raw, tls } = await secure('h2');
    tls.write(PREFACE);
    return raw;
  },
};

describe('a connection that its client leaves', { concurrency: 2 }, () => {
  it('by a reset, at any stage, takes nothing with it', async (context) => {
    for (const [stage, open] of Object.entries(STAGES)) {
      await context.test(stage, async () => {
        const sockets = await Promise.all(Array.from({ length: 24 }, open));
        for (const [index, socket] of sockets.entries()) {
          socket.resetAndDestroy();
          // The engine is in another state each time.
          if (index % 4 === 3) await new Promise(setImmediate);
        }
        await eventually(
          async () => (await bed.engine.metric('limpet_connections_open')) === 0,
          'no connection is open',
        );
        assert.equal(await bed.engine.metric('limpet_server_connections_placed'), 0);
        assert.equal(await bed.engine.metric('limpet_server_requests_active'), 0);
      });
    }
  });

  it('and whose HTTP/2 session failed and never came to its end has its socket closed', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => openRawHttp2(silent.port)));
    for (const client of clients) {
      client.send(
        frame(frameType.settings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
        frame(frameType.windowUpdate, 0, 0, Buffer.from([0x7f, 0, 0, 0])),
        headersFrame(1, getFields('/more-than-buffers-hold')),
      );
      await client.next(({ type }) => type === frameType.data, 'the first bytes');
      client.socket.pause();
    }
    let waiting = 0;
    let stillFor = 0;
    await eventually(() => {
      const before = waiting;
      waiting = unread.reduce((sum, response) => sum + response.writableLength, 0);
      stillFor = waiting > 0 && waiting === before ? stillFor + 1 : 0;
      // On a busy machine one look may come before the next bytes.
      return stillFor >= 20;
    }, 'nothing moves any more');
    for (const client of clients) {
      // RFC 9113 §6.9.1: an increment of zero.
      client.send(frame(frameType.windowUpdate, 0, 0, Buffer.alloc(4)));
      // Only now does node:http2 read on, find the session broken, and wait, most often, for bytes to leave that nobody will ever take.
      client.close();
    }
    const records = () =>
      silent.engine.records().filter(({ record, alpn }) => record === 'connection' && alpn === 'h2');
    // Where it is a write that meets the client's reset, node:http2 reads nothing more and tells nobody: the stream has CLIENT_BODY_TIMEOUT_MS, the end
    // of it two seconds, and so has the end of the session.
    await eventually(() => records().length === clients.length, 'the records of the connections');
  });

  it('open but silent after its ClientHello is closed ten seconds later (R16)', async () => {
    const socket = await connectRaw(silent.port);
    socket.resume();
    socket.write(clientHelloWithTicket(randomBytes(176)));
    const beganMs = performance.now();
    await once(socket, 'close');
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs > 9900 && tookMs < 60_000, `${Math.round(tookMs)} ms`);
    const ended = () => silent.engine.records().some(({ error }) => error === 'HANDSHAKE_TIMEOUT');
    await eventually(ended, 'its record says so');
  });
});

describe('a client of HTTP/2 that gives one answer up after the other', () => {
  it('is told to connect anew before node:http2 refuses its streams for what could not be sent of them', async () => {
    const session = connect(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    session.on('error', () => {});
    const told = once(session, 'goaway');
    // Its windows are full of each answer when it gives that up. Its side takes no request any more from the GOAWAY on.
    let given = 0;
    for (; !session.closed && !session.destroyed; given++) {
      const stream = session.request({ ':path': '/', ':authority': 'localhost' });
      stream.on('error', () => {});
      const closed = once(stream, 'close');
      stream.once('response', () => stream.close(constants.NGHTTP2_CANCEL));
      await closed;
      assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL, `stream ${given}`);
    }
    session.destroy();
    const [code] = await told;
    assert.equal(code, constants.NGHTTP2_NO_ERROR);
    assert.ok(given >= 100, `${given}`);
  });
});
