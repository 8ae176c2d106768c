// A server that misbehaves on demand: what balancers meet in the wild, one way at a time.

import { type AddressInfo, createServer, type Socket } from 'node:net';

/** How it answers; it can be changed while it runs. */
export type Misbehaviour =
  | 'well' // a short answer, connection kept
  | 'never' // accepts and never answers
  | 'reset' // a TCP reset when a request comes
  | 'reset-second' // a good answer, then a reset when the second request comes on the connection
  | 'close' // an orderly end when a request comes, without an answer
  | 'half-body' // Content-Length 100, ten bytes, then a reset
  | 'short-body' // Content-Length 100, ten bytes, then an orderly end
  | 'half-chunks' // one chunk of ten bytes, then an orderly end without the last chunk
  | 'half-head' // a head that stops in the middle
  | 'bad-head' // no HTTP
  | 'bare-lf' // lines that end with LF alone
  | 'two-lengths' // Content-Length twice
  | 'length-and-chunked' // both framings
  | 'bad-chunk' // a chunk size that is no number
  | 'close-after' // a good answer, then the kept connection is closed without notice
  | 'many-informational' // 100 heads without end
  | 'huge-head' // a head of 200 kB
  | 'drip'; // a byte every 20 ms

export interface MisbehavingServer {
  readonly port: number;
  /** Everything that was received, one entry a connection. */
  readonly received: readonly string[];
  mode: Misbehaviour;
  stop(): Promise<void>;
}

const GOOD = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ngood\n';

export async function startMisbehavingServer(mode: Misbehaviour, port = 0): Promise<MisbehavingServer> {
  const sockets = new Set<Socket>();
  const received: string[] = [];
  const state = { mode };
  const server = createServer((socket) => {
    const connection = received.push('') - 1;
    let requests = 0;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received[connection] += chunk.toString('latin1');
      // One answer a request head; bodies are not looked at.
      if (chunk.includes('\r\n\r\n')) misbehave(state.mode, socket, ++requests);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    received,
    get mode() {
      return state.mode;
    },
    set mode(value) {
      state.mode = value;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** @param request its number on the connection, from 1. */
function misbehave(mode: Misbehaviour, socket: Socket, request: number): void {
  switch (mode) {
    case 'well':
      socket.write(GOOD);
      break;
    case 'never':
      break;
    case 'reset':
      socket.resetAndDestroy();
      break;
    case 'reset-second':
      if (request > 1) socket.resetAndDestroy();
      else socket.write(GOOD);
      break;
    case 'close':
      socket.end();
      break;
    case 'half-body':
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes!', () =>
        socket.resetAndDestroy(),
      );
      break;
    case 'short-body':
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes!');
      break;
    case 'half-chunks':
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nten bytes!\r\n');
      break;
    case 'half-head':
      socket.end('HTTP/1.1 200 OK\r\nContent-Le');
      break;
    case 'bad-head':
      socket.end('EHLO there\r\n\r\n');
      break;
    case 'bare-lf':
      socket.end('HTTP/1.1 200 OK\nContent-Length: 0\n\n');
      break;
    case 'two-lengths':
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\ngood\n');
      break;
    case 'length-and-chunked':
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
      break;
    case 'bad-chunk':
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n');
      break;
    case 'close-after':
      socket.write(GOOD, () => socket.end());
      break;
    case 'many-informational':
      for (let count = 0; count < 100; count++) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      socket.write(GOOD);
      break;
    case 'huge-head':
      socket.end(`HTTP/1.1 200 OK\r\n${`x-filler: ${'a'.repeat(1000)}\r\n`.repeat(200)}\r\n`);
      break;
    case 'drip':
      drip(socket, GOOD);
      break;
  }
}

function drip(socket: Socket, text: string): void {
  if (text === '' || socket.destroyed) return;
  socket.write(text.slice(0, 1));
  setTimeout(() => drip(socket, text.slice(1)), 20);
}
