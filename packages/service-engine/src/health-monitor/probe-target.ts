// A server for tests of probes: says what it is told to, and counts what it sees.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { after } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { Address } from '@limpet/model';

/** PEM. */
export interface TargetCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface ProbeTarget {
  readonly address: Address;
  readonly connections: number;
  /** Connections that are over. */
  readonly closed: number;
  /** What came in on all connections. */
  readonly received: string;
  /** Resolves when a condition on the above holds; asked after each event. */
  until(condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Stops with the test that started it, also one that failed.
 *
 * @param certificate with it the target speaks TLS.
 * @param onRequest is called with every chunk that comes in, and with '' when a connection opens.
 */
export async function startTarget(
  onRequest: (socket: Socket, chunk: string) => void = () => {},
  host = '127.0.0.1',
  certificate?: TargetCertificate,
): Promise<ProbeTarget> {
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();
  let connections = 0;
  let closed = 0;
  let received = '';
  const changed = (): void => {
    for (const look of [...waiting]) look();
  };
  const serve = (socket: Socket): void => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      onRequest(socket, chunk.toString('latin1'));
      changed();
    });
    socket.on('close', () => {
      closed++;
      sockets.delete(socket);
      changed();
    });
    onRequest(socket, '');
    changed();
  };
  const server =
    certificate === undefined
      ? createServer({ noDelay: true }, serve)
      : createTlsServer(
          { cert: certificate.certificatePem, key: certificate.privateKeyPem, noDelay: true },
          serve,
        );
  if (certificate !== undefined)
    server.on('connection', (socket: Socket) => rawSockets.set(socket.remotePort ?? 0, socket));
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const target: ProbeTarget = {
    address: { ip: host, port },
    get connections() {
      return connections;
    },
    get closed() {
      return closed;
    },
    get received() {
      return received;
    },
    until: (condition) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!condition()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async stop() {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  after(() => target.stop());
  return target;
}

const rawSockets = new Map<number, Socket>();

/** Also one that carries TLS: the reset is TCP's. */
export function resetConnection(socket: Socket): void {
  (rawSockets.get(socket.remotePort ?? 0) ?? socket).resetAndDestroy();
}

/** Writes pieces so that they arrive apart: two turns of the event loop between them hold one look at the sockets for sure. */
export function writeApart(socket: Socket, pieces: Iterable<string>): void {
  const [piece, ...others] = pieces;
  if (piece === undefined || socket.destroyed) return;
  const next = (): void => writeApart(socket, others);
  socket.write(piece, 'latin1', () => setImmediate(() => setImmediate(next)));
}
