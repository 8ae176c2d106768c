import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { createConnection } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import { after, before, beforeEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { exchangeRaw, TicketClient } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { bothVersions, openClient } from './support/http-clients.ts';
import { listen } from './support/listening-server.ts';
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

  it('with taking the response is cut off, whatever it sends meanwhile', async () => {
    const pouring = await startPouringServer();
    await bed.reload({
      servers: [{ name: 'pouring', port: pouring.port }],
      httpProfile: { ...LONG, client_body_timeout: 4 * SHORT_MS },
    });
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    session.on('error', () => {});
    const clients: DeafClient[] = [];
    try {
      await once(session, 'remoteSettings');
      const begun = 'Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n';
      const webSocket = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
      const overHttp1 = (path: string, method: string, rest: string): DeafClient =>
        deafConnection(bed.port, path, `${method} ${path} HTTP/1.1\r\nHost: a\r\n${rest}`);
      const overHttp2 = (path: string, fields: Record<string, string>): DeafClient =>
        deafStream(session, { ':path': path, ...fields });
      const tunnel = { ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13' };
      clients.push(
        overHttp1('/h1-end', 'POST', begun),
        overHttp1('/h1-drip', 'POST', begun),
        overHttp1('/h1-tunnel', 'GET', webSocket),
        overHttp2('/h2-end', { ':method': 'POST' }),
        overHttp2('/h2-drip', { ':method': 'POST' }),
        overHttp2('/h2-tunnel', tunnel),
      );
      await Promise.all(
        clients.map(async (client) => {
          await pouring.standsStill(client.path);
          if (client.path.endsWith('-end')) client.sayLast();
          // Each piece well within the time that it has for a body, again and again.
          else client.drip(SHORT_MS);
        }),
      );
      await eventually(() => pouring.open.size === 0, 'the server is rid of all', 15_000).catch(() => {});
      assert.deepEqual([...pouring.open.keys()], []);
    } finally {
      for (const client of clients) client.destroy();
      session.destroy();
      await pouring.stop();
      await bed.reload({ httpProfile: LONG });
    }
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

/** Answers each request, and each WebSocket, with bytes as long as they are taken. */
async function startPouringServer() {
  const part = Buffer.alloc(65_536);
  const open = new Map<string, Writable>();
  const pour = (path: string, sink: Writable): void => {
    open.set(path, sink);
    sink.on('error', () => {});
    sink.on('close', () => open.delete(path));
    const write = (): void => {
      while (sink.write(part)) {}
    };
    sink.on('drain', write);
    write();
  };
  const server = createServer((request, response) => {
    request.resume();
    pour(request.url ?? '', response);
  });
  server.on('upgrade', (request, socket) => {
    const proof = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.resume();
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`,
    );
    pour(request.url ?? '', socket);
  });
  const { port, stop } = await listen(server);
  return {
    port,
    open,
    stop: async () => {
      // Sockets of tunnels are not the server's any more.
      for (const sink of open.values()) sink.destroy();
      await stop();
    },
    /** Resolves when nothing more was taken over ten looks. */
    standsStill: async (path: string) => {
      let drained = true;
      let looks = 0;
      const onDrain = (): void => {
        drained = true;
      };
      await eventually(() => open.has(path), `${path} is answered`);
      const sink = open.get(path);
      sink?.on('drain', onDrain);
      await eventually(() => {
        looks = drained ? 0 : looks + 1;
        drained = false;
        return looks >= 10;
      }, `${path} stands still`);
      sink?.off('drain', onDrain);
    },
  };
}

/** A client that reads nothing of its answer. */
interface DeafClient {
  readonly path: string;
  /** Ends its request. */
  sayLast(): void;
  /** Says a little more again and again, until it is destroyed. */
  drip(everyMs: number): void;
  destroy(): void;
}

function deafClient(path: string, sink: Duplex, begin: string, piece: string, last: () => void): DeafClient {
  let dripping: NodeJS.Timeout | undefined;
  sink.pause();
  sink.on('error', () => {});
  sink.write(begin, 'latin1');
  return {
    path,
    sayLast: last,
    drip: (everyMs) => {
      dripping = setInterval(() => sink.write(piece, 'latin1'), everyMs);
    },
    destroy: () => {
      clearInterval(dripping);
      sink.destroy();
    },
  };
}

function deafConnection(port: number, path: string, request: string): DeafClient {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false });
  return deafClient(path, socket, request, '1\r\nb\r\n', () => socket.write('0\r\n\r\n'));
}

function deafStream(session: ClientHttp2Session, fields: Record<string, string>): DeafClient {
  const stream = session.request(fields, { endStream: false });
  return deafClient(fields[':path'] ?? '', stream, 'a', 'b', () => stream.end());
}
