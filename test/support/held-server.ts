// A server whose answers wait until the test lets them go, and that knows how many requests it had at a time.

import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface HeldServer {
  readonly name: string;
  readonly port: number;
  /** Requests and tunnels that it has now. */
  readonly inFlight: number;
  /** The most that it had at a time since this was set. */
  mostInFlight: number;
  /** Target of each request, in the order in which they came. */
  readonly targets: readonly string[];
  /** TCP connections that are open. */
  readonly connections: number;
  /** Lets the oldest answers go that are held. */
  release(count?: number): void;
  stop(): Promise<void>;
}

/**
 * `/hold` is answered when it is let go; `/stream` begins its answer at once and ends it then; an upgrade to WebSocket is a tunnel that gives every
 * byte back; everything else is answered at once, after `?ms=` milliseconds if it says so. Each answer names the server in x-demo-server.
 */
export async function startHeldServer(name: string, port = 0): Promise<HeldServer> {
  const held: ServerResponse[] = [];
  const sockets = new Set<Socket>();
  const targets: string[] = [];
  let inFlight = 0;
  let mostInFlight = 0;
  const enter = (): void => {
    mostInFlight = Math.max(mostInFlight, ++inFlight);
  };
  const server = createServer((request, response) => {
    enter();
    let isThere = true;
    // Before the last byte leaves: the balancer may send the next request as soon as it has that.
    const leave = (): void => {
      if (isThere) inFlight--;
      isThere = false;
    };
    response.on('prefinish', leave);
    response.on('close', () => {
      leave();
      const at = held.indexOf(response);
      if (at >= 0) held.splice(at, 1);
    });
    response.setHeader('x-demo-server', name);
    request.resume();
    const target = request.url ?? '';
    targets.push(target);
    if (target.startsWith('/stream')) response.write(`${name} begins\n`);
    if (target.startsWith('/hold') || target.startsWith('/stream')) {
      held.push(response);
      return;
    }
    const afterMs = Number(new URLSearchParams(target.split('?')[1]).get('ms') ?? 0);
    if (afterMs === 0) response.end(`${name}\n`);
    else setTimeout(() => response.end(`${name}\n`), afterMs);
  });
  server.on('upgrade', (request, socket: Socket) => {
    enter();
    targets.push(request.url ?? '');
    const proof = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Demo-Server: ${name}\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`,
    );
    socket.on('close', () => inFlight--);
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
    socket.on('end', () => socket.end());
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    name,
    port: (server.address() as AddressInfo).port,
    targets,
    get inFlight() {
      return inFlight;
    },
    get mostInFlight() {
      return mostInFlight;
    },
    set mostInFlight(value) {
      mostInFlight = value;
    },
    get connections() {
      return sockets.size;
    },
    release: (count = held.length) => {
      for (const response of held.splice(0, count)) response.end(`${name}\n`);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
