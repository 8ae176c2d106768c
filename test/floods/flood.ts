// A flood under way, and what it does to the others and to the engine.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { demoConfiguration, TicketClient } from '@limpet/testkit';
import { createFleet, type Engine, eventually } from '../support/engine.ts';
import type { FloodName } from './attackers.ts';

/** `/bytes?n=` answers with so many bytes as the client takes them, `/hang` never. */
export async function startFloodOrigin(): Promise<{ readonly port: number; stop(): Promise<unknown> }> {
  const worker = new Worker(new URL('./origin-thread.ts', import.meta.url));
  const [port] = (await once(worker, 'message')) as [number];
  return {
    port,
    stop: () => {
      const exited = once(worker, 'exit');
      worker.postMessage('stop');
      return exited;
    },
  };
}

export interface RunningFlood {
  readonly strikes: number;
  stop(): Promise<void>;
}

export async function startFlood(name: FloodName, port: number): Promise<RunningFlood> {
  const worker = new Worker(new URL('./flood-thread.ts', import.meta.url), { workerData: { name, port } });
  let strikes = 0;
  worker.on('message', (count: number) => {
    strikes = count;
  });
  const over = new Promise<void>((resolve, reject) => {
    worker.once('exit', () => resolve());
    worker.once('error', reject);
  });
  const flood = {
    get strikes() {
      return strikes;
    },
    stop: async () => {
      worker.postMessage('stop');
      await over;
    },
  };
  await eventually(() => strikes > 0, `the flood of ${name} has begun`);
  return flood;
}

/** Median time of clients that connect, ask, get their answer and leave. */
export async function medianVisitMs(port: number, visits = 15): Promise<number> {
  const times: number[] = [];
  for (let visit = 0; visit < visits; visit++) {
    const startMs = performance.now();
    const { status } = await new TicketClient().visit(port, '/bytes?n=100');
    if (status !== 200) throw new Error(`a client that does no harm got ${status}`);
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b)[Math.floor(visits / 2)] as number;
}

export function residentMib(engine: Engine): number {
  const status = readFileSync(`/proc/${engine.process.child.pid}/status`, 'latin1');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

/** What an engine with two workers may take, whatever is done to it. */
const MEMORY_LIMIT_MIB = 700;

export interface FloodBed {
  readonly engine: Engine;
  readonly port: number;
  stop(): Promise<void>;
}

/** An engine whose deadlines are short, so that it is seen how it keeps them. */
export async function startFloodBed(): Promise<FloodBed> {
  const [fleet, origin] = await Promise.all([createFleet(), startFloodOrigin()]);
  const timeouts = {
    client_header_timeout: 2000,
    client_body_timeout: 2000,
    post_accept_timeout: 2000,
    keepalive_timeout: 2000,
  };
  const configuration = demoConfiguration({
    port: 0,
    servers: [{ name: 'origin', port: origin.port }],
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    monitored: false,
    httpProfile: timeouts,
  });
  const stop = async (): Promise<void> => {
    await fleet.stop();
    await origin.stop();
  };
  try {
    const engine = await fleet.startEngine(configuration, ['--workers', '2']);
    // The first connections cost more.
    await medianVisitMs(engine.port, 40);
    return { engine, port: engine.port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The flood goes on while others come and go as before, and leaves nothing behind. */
export async function assertOthersAreServed({ engine, port }: FloodBed, name: FloodName): Promise<void> {
  const beforeMs = await medianVisitMs(port);
  const flood = await startFlood(name, port);
  let duringMs: number;
  let memoryMib: number;
  try {
    duringMs = await medianVisitMs(port);
    memoryMib = residentMib(engine);
  } finally {
    await flood.stop();
  }
  // A small machine has the attackers, the server and this test to run besides; an engine that is held up takes seconds.
  assert.ok(duringMs < 10 * beforeMs + 500, `a visit takes ${duringMs} ms; ${beforeMs} ms before`);
  assert.ok(memoryMib < MEMORY_LIMIT_MIB, `the engine has ${memoryMib} MiB`);
  await eventually(
    async () => (await engine.metric('limpet_connections_open')) === 0,
    'no connection of the attackers is left',
  );
  await eventually(async () => {
    const { pools } = await engine.runtime();
    return pools.every(({ servers }) => servers.every((server) => server.active_requests === 0));
  }, 'no request of the attackers is left at the server');
  assert.doesNotMatch(engine.process.stderr(), /"level":50/, 'nothing went wrong in the engine');
}
