// A flood under way, and what it does to the others and to the engine.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
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

/** Of a client that does no harm: it connects, asks, gets its answer and leaves. */
async function visitMs(port: number): Promise<number> {
  const startMs = performance.now();
  const { status } = await new TicketClient().visit(port, '/bytes?n=100');
  if (status !== 200) throw new Error(`a client that does no harm got ${status}`);
  return performance.now() - startMs;
}

function medianOf(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] as number;
}

/** The most that the engine has had in memory since it started. */
export function peakMib(engine: Engine): number {
  const status = readFileSync(`/proc/${engine.process.child.pid}/status`, 'latin1');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

const MEMORY_LIMIT_MIB = 512;
const VISITS = 5;
/**
 * Compared with visits at the same time to an engine that nobody floods: attackers, engines, server and test share the machine, and slow down both. One that is held up takes
 * seconds more.
 */
const SLOWER_MAX = 10;
const SLOWER_MS_MAX = 500;

export interface FloodBed {
  readonly engine: Engine;
  readonly port: number;
  /** Of an engine like it that is left in peace. */
  readonly peacefulPort: number;
}

/**
 * An engine whose deadlines are short, so that it is seen how it keeps them; it is there while the tests of a file run.
 *
 * @param memoryLimitMib what the engine plans with; what it takes is held to the smaller figure in any case.
 */
export function useFloodBed(memoryLimitMib = MEMORY_LIMIT_MIB): FloodBed {
  let engines: readonly Engine[] = [];
  const stops: (() => Promise<unknown>)[] = [];
  before(async () => {
    const [fleet, origin] = await Promise.all([createFleet(), startFloodOrigin()]);
    stops.push(fleet.stop, origin.stop);
    const configuration = demoConfiguration({
      port: 0,
      servers: [{ name: 'origin', port: origin.port }],
      certificate: fleet.certificate.certificatePem,
      key: fleet.certificate.privateKeyPem,
      monitored: false,
      httpProfile: {
        client_header_timeout: 2000,
        client_body_timeout: 2000,
        post_accept_timeout: 2000,
        keepalive_timeout: 1000,
      },
    });
    const limits = ['--workers', '2', '--memory-limit', `${memoryLimitMib}M`];
    engines = await Promise.all([0, 1].map(() => fleet.startEngine(configuration, limits)));
    // The first connections cost more.
    for (let visit = 0; visit < 20; visit++) await Promise.all(engines.map(({ port }) => visitMs(port)));
  });
  after(async () => {
    for (const stop of stops) await stop();
  });
  const started = (index: number): Engine => {
    const engine = engines[index];
    if (engine === undefined) throw new Error('the engine has not started');
    return engine;
  };
  return {
    get engine() {
      return started(0);
    },
    get port() {
      return started(0).port;
    },
    get peacefulPort() {
      return started(1).port;
    },
  };
}

/** A test for each flood, and one that they have left nothing behind. */
export function itWithstands(bed: FloodBed, floods: readonly FloodName[]): void {
  for (const name of floods)
    it(`goes on at its pace, within its memory limit, under a flood of ${name}`, () =>
      assertOthersAreServed(bed, name));

  it('has nothing left of the floods', async () => {
    const { engine } = bed;
    await eventually(
      async () => (await engine.metric('limpet_connections_open')) === 0,
      'no connection of the attackers is left',
    );
    await eventually(async () => {
      const { connections, pools } = await engine.runtime();
      return (
        connections.places_taken === 0 &&
        pools.every(({ servers }) => servers.every((server) => server.active_requests === 0))
      );
    }, 'no place is taken, and no request of the attackers is left at the server');
    assert.doesNotMatch(engine.process.stderr(), /"level":50/, 'nothing went wrong in the engine');
  });
}

/** The flood goes on while others come and go. */
async function assertOthersAreServed(
  { engine, port, peacefulPort }: FloodBed,
  name: FloodName,
): Promise<void> {
  const flood = await startFlood(name, port);
  const flooded: number[] = [];
  const peaceful: number[] = [];
  try {
    for (let visit = 0; visit < VISITS; visit++) {
      flooded.push(await visitMs(port));
      peaceful.push(await visitMs(peacefulPort));
    }
  } finally {
    await flood.stop();
  }
  const [tookMs, peacefulMs] = [medianOf(flooded), medianOf(peaceful)];
  assert.ok(
    tookMs < SLOWER_MAX * peacefulMs + SLOWER_MS_MAX,
    `a visit takes ${tookMs} ms; ${peacefulMs} ms at the engine in peace`,
  );
  const memoryMib = peakMib(engine);
  assert.ok(memoryMib <= MEMORY_LIMIT_MIB, `the engine had ${memoryMib} MiB`);
}
