// Ports on loopback: one that is free, and the wait until a program listens there.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningProcess } from './processes.ts';

const START_TIMEOUT_MS = 15_000;

/** The programs under test want a number in their configuration, so one is taken, freed, and used at once. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** @throws Error with the program's own words when it ends, or does not listen in time. */
export async function listening(port: number, running: RunningProcess): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (running.ended) throw running.failure('ended at start');
    if (performance.now() > deadline) throw running.failure(`does not listen on port ${port}`);
    await delay(25);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
