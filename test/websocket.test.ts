// WebSocket: a request that asks for it becomes a tunnel, in which bytes pass as they are, both ways, each way until its own end.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { cookieProfile } from './support/cookie-client.ts';
import { eventually } from './support/engine.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import {
  type Frame,
  flag,
  frame,
  frameType,
  headersFrame,
  openRawHttp2,
  type RawHttp2,
} from './support/raw-http2.ts';

type OnUpgrade = (request: IncomingMessage, socket: Socket) => void;

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

let server: Server;
let other: Server;
let onUpgrade: OnUpgrade;
let bed: OneEngine;
before(async () => {
  [server, other] = await Promise.all([startServer(), startServer()]);
  bed = await startOneEngine({ port: portOf(server) });
});
after(async () => {
  await bed.stop();
  for (const one of [server, other]) {
    one.close();
    one.closeAllConnections();
  }
});

async function startServer(): Promise<Server> {
  const started = createServer((_request, response) => response.end('plain'));
  started.on('upgrade', (request, socket: Socket) => {
    socket.on('error', () => {});
    onUpgrade(request, socket);
  });
  started.listen(0, '127.0.0.1');
  await once(started, 'listening');
  return started;
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const REQUEST = `GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n`;

function accept(request: IncomingMessage, socket: Socket): void {
  const proof = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`,
  );
}

interface Client {
  readonly socket: TLSSocket;
  /** The TCP socket beneath, for resets. */
  readonly raw: Socket;
  /** Everything received so far. */
  received(): string;
}

async function open(request = `${REQUEST}\r\n`, localAddress = '127.0.0.1'): Promise<Client> {
  const raw = createConnection({ host: '127.0.0.1', port: bed.port, localAddress, allowHalfOpen: true });
  raw.on('error', () => {});
  const options = { socket: raw, servername: 'localhost', rejectUnauthorized: false, allowHalfOpen: true };
  const socket = connect(options as ConnectionOptions);
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.write(request);
  return { socket, raw, received: () => text };
}

/** Servers' ends of the WebSockets that are opened from now on, which say nothing by themselves, and how each ended. */
function keepSides() {
  const sides: Socket[] = [];
  const ends: string[] = [];
  let text = '';
  onUpgrade = (request, socket) => {
    sides.push(socket);
    socket.once('end', () => ends.push('end'));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => ends.push(String(code)));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    accept(request, socket);
  };
  return { sides, ends, received: () => text };
}

describe('a WebSocket over HTTP/1.1', () => {
  it('is accepted by the server, with its fields, and carries bytes both ways', async () => {
    let asked: IncomingMessage | undefined;
    onUpgrade = (request, socket) => {
      asked = request;
      accept(request, socket);
      socket.on('data', (chunk: Buffer) => socket.write(`<${chunk.toString('latin1')}>`, 'latin1'));
      socket.on('end', () => socket.end());
    };
    const { socket, received } = await open();
    await eventually(() => received().includes('\r\n\r\n'), 'the head comes');
    assert.match(received(), /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    assert.match(received(), /\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n/);
    assert.match(received(), /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
    assert.equal(asked?.headers.upgrade, 'websocket');
    assert.equal(asked?.headers.connection, 'Upgrade');
    assert.equal(asked?.headers['sec-websocket-version'], '13');
    assert.equal(asked?.headers['x-forwarded-proto'], 'https');
    // What would be a request, a chunk or an end elsewhere is nothing here.
    for (const bytes of ['\x81\x00', 'GET / HTTP/1.1\r\n\r\n', '0\r\n\r\n', '\0\xff']) {
      socket.write(bytes, 'latin1');
      await eventually(() => received().endsWith(`<${bytes}>`), `${JSON.stringify(bytes)} comes back`);
    }
    socket.end();
    await once(socket, 'close');
    await eventually(
      async () => (await bed.engine.metric('limpet_connections_open')) === 0,
      'the connection is over',
    );
    assert.equal(await bed.engine.metric('limpet_server_requests_active'), 0);
    const written = () =>
      bed.engine.records().some((record) => record.response_code === 101 && !record.error);
    await eventually(written, 'its record is written');
  });

  it('goes on one way after the end of the other, whoever ends first', async () => {
    onUpgrade = (request, socket) => {
      accept(request, socket);
      let got = '';
      socket.on('data', (chunk: Buffer) => {
        got += chunk.toString('latin1');
      });
      socket.on('end', () => socket.end(`after the end: ${got}`));
    };
    const clientFirst = await open();
    await eventually(() => clientFirst.received().includes('\r\n\r\n'), 'the head comes');
    clientFirst.socket.end('last words');
    await once(clientFirst.socket, 'end');
    assert.match(clientFirst.received(), /\r\n\r\nafter the end: last words$/);

    let got = '';
    let serverSide: Socket | undefined;
    onUpgrade = (request, socket) => {
      accept(request, socket);
      serverSide = socket;
      socket.end('the server says no more');
      socket.on('data', (chunk: Buffer) => {
        got += chunk.toString('latin1');
      });
    };
    const serverFirst = await open();
    await once(serverFirst.socket, 'end');
    assert.match(serverFirst.received(), /the server says no more$/);
    serverFirst.socket.write('but the client ');
    await eventually(() => got === 'but the client ', 'bytes still come');
    serverFirst.socket.end('does');
    await once(serverFirst.socket, 'close');
    await eventually(
      () => got === 'but the client does' && serverSide?.destroyed === true,
      'all came, and the end',
    );
  });

  it('holds back whoever is faster, and loses nothing', async () => {
    const sent = randomBytes(8_000_000);
    onUpgrade = (request, socket) => {
      accept(request, socket);
      // Reads only when it has to: what it cannot send back waits.
      socket.pipe(socket);
    };
    const socket = connect({
      ...{ host: '127.0.0.1', port: bed.port, servername: 'localhost', rejectUnauthorized: false },
    });
    socket.write(`${REQUEST}\r\n`);
    const [head] = (await once(socket, 'data')) as [Buffer];
    assert.match(head.toString('latin1'), /^HTTP\/1\.1 101/);
    const hash = createHash('sha256').update(head.subarray(head.indexOf('\r\n\r\n') + 4));
    let left = sent.length - (head.length - head.indexOf('\r\n\r\n') - 4);
    socket.write(sent);
    for await (const chunk of socket) {
      hash.update(chunk as Buffer);
      left -= (chunk as Buffer).length;
      if (left === 0) break;
    }
    assert.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'));
    socket.destroy();
  });

  it('that a client resets is reset at the server, and one that a server resets at the client', async () => {
    const { sides, ends } = keepSides();
    const leaving = await open();
    await eventually(() => leaving.received().includes('\r\n\r\n'), 'the head comes');
    leaving.raw.resetAndDestroy();
    await eventually(() => ends.length === 1, 'the server is told');
    // An end would make what the client has said look whole.
    assert.deepEqual(ends, ['ECONNRESET']);
    const left = await open();
    await eventually(() => left.received().includes('\r\n\r\n'), 'the head comes');
    sides[1]?.resetAndDestroy();
    // A reset, as the server's was.
    await new Promise((resolve) => left.socket.once('close', resolve));
    await eventually(
      async () => (await bed.engine.metric('limpet_server_requests_active')) === 0,
      'no place is kept',
    );
  });

  it('is an ordinary response where the server does not want it, and the connection goes on', async () => {
    onUpgrade = (_request, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n');
    };
    const { socket, received } = await open(`${REQUEST}\r\n`);
    await eventually(() => received().endsWith('no\n'), 'the refusal comes');
    assert.match(received(), /^HTTP\/1\.1 403 Forbidden\r\n/);
    socket.write('GET /next HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => received().endsWith('plain'), 'the next answer comes');
    socket.destroy();
  });

  it('is a bad gateway where the server goes on as something else', async () => {
    for (const answer of [
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    ]) {
      onUpgrade = (_request, socket) => void socket.write(answer);
      const { socket, received } = await open();
      await eventually(() => received().includes('\r\n\r\n'), 'an answer comes');
      assert.match(received(), /^HTTP\/1\.1 502 /);
      socket.destroy();
    }
  });

  for (const [what, request] of [
    [
      'with a body',
      `POST /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx`,
    ],
    ['with a body to a GET', `${REQUEST}Content-Length: 4\r\n\r\nbody`],
    ['in chunks', `${REQUEST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ] as const) {
    it(`is refused ${what}, and never forwarded`, async () => {
      let forwarded = false;
      onUpgrade = () => {
        forwarded = true;
      };
      const { socket, received } = await open(request);
      await once(socket, 'end');
      assert.match(received(), /^HTTP\/1\.1 400 /);
      assert.equal(forwarded, false);
      socket.destroy();
    });
  }

  it('is answered with 501 where the profile turns WebSocket off', async () => {
    await bed.reload({ httpProfile: { websockets_enabled: false } });
    const { socket, received } = await open();
    await once(socket, 'end');
    assert.match(received(), /^HTTP\/1\.1 501 /);
    socket.destroy();
    await bed.reload({});
  });
});

describe('a WebSocket over HTTP/2', () => {
  const connectFields = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/chat',
    ':authority': 'a',
  };
  const openStream = async () => {
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    session.on('error', () => {});
    await once(session, 'remoteSettings');
    const stream = session.request({ ...connectFields, 'sec-websocket-version': '13' }, { endStream: false });
    stream.on('error', () => {});
    return { session, stream };
  };

  it('is a stream of its own in the connection, and carries bytes both ways until each end', async () => {
    let asked: IncomingMessage | undefined;
    onUpgrade = (request, socket) => {
      asked = request;
      accept(request, socket);
      socket.on('data', (chunk: Buffer) => socket.write(`<${chunk.toString('latin1')}>`));
      socket.on('end', () => socket.end('last'));
    };
    const { session, stream } = await openStream();
    assert.equal(session.remoteSettings.enableConnectProtocol, true);
    const [fields] = (await once(stream, 'response')) as [Record<string, string>];
    assert.equal(fields[':status'], 200);
    assert.equal(fields['sec-websocket-accept'], undefined);
    assert.equal(asked?.method, 'GET');
    assert.match(String(asked?.headers['sec-websocket-key']), /^[A-Za-z0-9+/]{22}==$/);
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    stream.write('one');
    await eventually(() => text === '<one>', 'the bytes come back');
    // Beside it the connection does its ordinary work.
    const plain = session.request({ ':path': '/plain', ':authority': 'a' });
    const [answer] = (await once(plain, 'response')) as [Record<string, string>];
    assert.equal(answer[':status'], 200);
    plain.resume();
    stream.end('two');
    await once(stream, 'close');
    assert.equal(text, '<one><two>last');
    session.close();
    await eventually(
      async () => (await bed.engine.metric('limpet_connections_open')) === 0,
      'nothing is open',
    );
    assert.equal(await bed.engine.metric('limpet_server_requests_active'), 0);
  });

  for (const last of ['', 'last']) {
    it(`that its client gives up ${last === '' ? '' : 'when the server has ended its own way '}is reset at the server, however that is done`, async () => {
      const rst = (code: number): Buffer => frame(frameType.rstStream, 0, 1, Buffer.of(0, 0, 0, code));
      const ways: readonly (readonly [how: string, giveUp: (client: RawHttp2) => void])[] = [
        ['CANCEL', ({ send }) => send(rst(constants.NGHTTP2_CANCEL))],
        ['NO_ERROR', ({ send }) => send(rst(constants.NGHTTP2_NO_ERROR))],
        ['the end of its connection', ({ socket }) => socket.end()],
      ];
      for (const [how, giveUp] of ways) {
        const { sides, ends, received } = keepSides();
        const client = await openRawHttp2(bed.port);
        const fields = [
          [':method', 'CONNECT'],
          [':protocol', 'websocket'],
          [':path', '/chat'],
        ] as const;
        client.send(
          headersFrame(
            1,
            [...fields, [':scheme', 'https'], [':authority', 'a'], ['sec-websocket-version', '13']],
            flag.endHeaders,
          ),
          frame(frameType.data, 0, 1, Buffer.from('half of it')),
        );
        await eventually(() => received() === 'half of it', 'the server has the beginning');
        if (last !== '') {
          sides[0]?.end(last);
          const isLast = ({ type, flags }: Frame): boolean =>
            type === frameType.data && flags === flag.endStream;
          await client.next(isLast, 'the end of what the server says');
        }
        giveUp(client);
        await eventually(() => ends.length === 1, 'the server is told');
        assert.deepEqual(ends, ['ECONNRESET'], how);
        client.close();
      }
    });
  }

  it('that the server resets is reset at the client', async () => {
    const { sides } = keepSides();
    const { session, stream } = await openStream();
    await once(stream, 'response');
    sides[0]?.resetAndDestroy();
    await new Promise((resolve) => stream.once('close', resolve));
    assert.notEqual(stream.rstCode, 0);
    session.destroy();
    await eventually(
      async () => (await bed.engine.metric('limpet_server_requests_active')) === 0,
      'no place is kept',
    );
  });

  it('ends with the refusal where the server does not want it', async () => {
    onUpgrade = (_request, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n');
    };
    const { session, stream } = await openStream();
    const [fields] = (await once(stream, 'response')) as [Record<string, string>];
    assert.equal(fields[':status'], 403);
    stream.resume();
    // The client leaves its side open; the engine does not.
    await new Promise((resolve) => stream.once('close', resolve));
    session.close();
  });

  it('is not offered where the profile turns WebSocket off', async () => {
    await bed.reload({ httpProfile: { websockets_enabled: false } });
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    await once(session, 'remoteSettings');
    assert.notEqual(session.remoteSettings.enableConnectProtocol, true);
    session.destroy();
    await bed.reload({});
  });
});

describe('a WebSocket of a client with a persistence cookie', () => {
  it('gets the cookie with the 101, and goes to the server that the cookie names', async () => {
    const servers = [server, other].map((one, index) => ({ name: `origin-${index}`, port: portOf(one) }));
    await bed.reload({ servers, persistenceProfile: cookieProfile('LIMPET') });
    onUpgrade = (request, socket) => {
      accept(request, socket);
      socket.write(`at ${request.socket.localPort}.`);
    };
    const visit = async (localAddress: string, cookie = '') => {
      const fields = cookie === '' ? '' : `Cookie: ${cookie}\r\n`;
      const client = await open(`${REQUEST}${fields}\r\n`, localAddress);
      await eventually(() => /at \d+\./.test(client.received()), 'the server has spoken');
      client.socket.destroy();
      const port = Number(/at (\d+)\./.exec(client.received())?.[1]);
      return { port, cookie: /set-cookie: (LIMPET=[^;]+)/i.exec(client.received())?.[1] };
    };
    // Without a cookie the address decides: some forty find both servers.
    const cookies = new Map<number, string>();
    for (let host = 2; host < 42 && cookies.size < 2; host++) {
      const { port, cookie } = await visit(`127.0.0.${host}`);
      assert.ok(cookie !== undefined);
      cookies.set(port, cookie);
    }
    assert.equal(cookies.size, 2);
    for (const [port, cookie] of cookies) {
      for (let turn = 0; turn < 3; turn++)
        assert.deepEqual(await visit('127.0.0.1', cookie), { port, cookie: undefined });
    }
  });
});
