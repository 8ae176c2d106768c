// Connections that are opened, used for one request, and then held open without another byte.

import { Http1Connection } from './http1-connection.ts';
import type { BlockReport } from './load-command.ts';
import { clientAddress } from './tls-client.ts';

const CONCURRENCY = 16;

const held = new Set<Http1Connection>();

/** Opens `connections` more. Fails when one fails, or when one that is held is closed by the other side. */
export async function holdConnections(port: number, connections: number): Promise<BlockReport> {
  const startedAt = performance.now();
  const before = held.size;
  const first = before + 1;
  let opened = 0;
  const openShare = async (): Promise<void> => {
    while (opened < connections) {
      const number = first + opened++;
      await openOne(port, clientAddress(number));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, openShare));
  const lost = before + connections - held.size;
  if (lost > 0) throw new Error(`${lost} connections were closed while they were idle`);
  return report(connections, startedAt);
}

/** Reports how many were still open. */
export async function releaseConnections(): Promise<BlockReport> {
  const startedAt = performance.now();
  const operations = held.size;
  for (const { socket } of held) socket.destroy();
  held.clear();
  return report(operations, startedAt);
}

function report(operations: number, startedAt: number): BlockReport {
  const wallMs = performance.now() - startedAt;
  return { operations, errors: 0, wallMs, resumed: 0, renewed: 0, ownServer: 0 };
}

function openOne(port: number, localAddress: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = new Http1Connection(
      { port, version: 'TLSv1.3', localAddress },
      {
        onResponse: () => {
          held.add(connection);
          resolve();
        },
        onClose: (error) => {
          held.delete(connection);
          reject(error ?? new Error('closed'));
        },
      },
    );
    connection.request();
  });
}
