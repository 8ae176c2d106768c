// What each load-balancing algorithm costs a pick, how even it is, and what becomes of a server that is slow, that fails, or that has just come up.
//
//   node scripts/with-pinned-node.mjs scripts/measure-algorithms.ts

import type { LbAlgorithm, PoolSnapshot } from '@limpet/model';
import { createFakeClock } from '../packages/service-engine/src/lifecycle/fake-clock.ts';
import { systemRandom } from '../packages/service-engine/src/lifecycle/random.ts';
import { CrowdCounter } from '../packages/service-engine/src/load-balancing/crowd-counter.ts';
import { TicketTrail } from '../packages/service-engine/src/load-balancing/ticket-trail.ts';
import { eligibility } from '../packages/service-engine/src/pool/eligibility.ts';
import { activeOn, pickState } from '../packages/service-engine/src/pool/pick-state.ts';
import { createPoolRuntime, type PoolRuntime } from '../packages/service-engine/src/pool/pool-runtime.ts';
import { observeResponse } from '../packages/service-engine/src/pool/response-time.ts';
import type { ServerRuntime } from '../packages/service-engine/src/pool/server-runtime.ts';
import { ServerTable } from '../packages/service-engine/src/pool/server-table.ts';
import { queueForTest } from '../packages/service-engine/src/pool/test-queue.ts';

const ALGORITHMS: readonly LbAlgorithm[] = [
  'round-robin',
  'least-connections',
  'fastest-response',
  'random-of-two',
  'consistent-hash',
];
const RAMP_MS = 600_000;

interface Bed {
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly table: ServerTable;
  /** One view of the pool for each worker. */
  readonly workers: readonly PoolRuntime[];
}

function startBed(algorithm: LbAlgorithm, ratios: readonly number[], workers: number): Bed {
  const clock = createFakeClock();
  const table = new ServerTable(ServerTable.allocate(1, ratios.length), 1, 0);
  const servers = ratios.map((ratio, at) => ({
    id: (0xa00000000000 + 257 * at).toString(16),
    ratio,
    enabled: true,
  }));
  const snapshot = {
    algorithm,
    servers,
    rampMs: RAMP_MS,
    connectionLimitPerServer: 0,
  } as unknown as PoolSnapshot;
  const runtimes = servers.map((server, slot) => {
    table.setHealth(slot, 'up');
    return { snapshot: server, id: slot, slot, table } as unknown as ServerRuntime;
  });
  const services = {
    clock,
    random: systemRandom,
    crowdCounter: new CrowdCounter(CrowdCounter.allocate()),
    ticketTrail: new TicketTrail(TicketTrail.allocate()),
  };
  return {
    clock,
    table,
    workers: Array.from({ length: workers }, () =>
      createPoolRuntime(snapshot, runtimes, services, queueForTest(servers.length)),
    ),
  };
}

function pick(pool: PoolRuntime, key: number): number {
  return pool.picker.pick(pickState(pool, eligibility(pool), activeOn, key));
}

/** CPU time with all that a request pays for: eligibility, shared memory, the pick. */
function nanosecondsAPick(algorithm: LbAlgorithm, servers: number): number {
  const { workers, table } = startBed(algorithm, new Array<number>(servers).fill(1), 1);
  const [pool] = workers as [PoolRuntime];
  const rounds = Math.ceil(3_000_000 / (servers + 10));
  const held: number[] = [];
  const run = (): number => {
    const before = process.cpuUsage();
    for (let at = 0; at < rounds; at++) {
      const index = pick(pool, at & 0xffff);
      table.tryAddActive(index, 0);
      held.push(index);
      if (held.length > 100) table.removeActive(held.shift() as number);
    }
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / rounds;
  };
  run();
  return Math.min(run(), run(), run());
}

interface Run {
  /** Picks of each server over its weighted share. */
  readonly overShare: readonly number[];
  /** Requests under way at the fullest server over its weighted share, the mean over time. */
  readonly fullest: number;
  /** Mean response time. */
  readonly responseMs: number;
}

interface RunOptions {
  readonly ratios: readonly number[];
  /** Requests a second for each unit of ratio. */
  readonly rate: number;
  readonly seconds: number;
  readonly responseMs: (server: number) => number;
  readonly prepare?: (bed: Bed) => void;
  /** What a server answers at once with an error. */
  readonly fails?: (server: number) => boolean;
}

/** Poisson arrivals, exponential response times that grow with what is under way (4 places a unit of ratio), two workers. */
function simulate(algorithm: LbAlgorithm, options: RunOptions): Run {
  const { ratios, rate, seconds } = options;
  const bed = startBed(algorithm, ratios, 2);
  options.prepare?.(bed);
  const sum = ratios.reduce((total, ratio) => total + ratio, 0);
  const exponential = (mean: number): number => -Math.log(1 - Math.random()) * mean;
  const ends: { atMs: number; server: number; tookMs: number; failed: boolean }[] = [];
  const counts = ratios.map(() => 0);
  let fullest = 0;
  let samples = 0;
  let responses = 0;
  let answered = 0;
  const startMs = bed.clock.monotonicMs();
  const endMs = startMs + 1000 * seconds;
  for (let nowMs = startMs; nowMs < endMs; ) {
    nowMs += exponential(1000 / (rate * sum));
    ends.sort((a, b) => b.atMs - a.atMs);
    for (let end = ends.at(-1); end !== undefined && end.atMs <= nowMs; end = ends.at(-1)) {
      ends.pop();
      bed.clock.jump(Math.max(0, end.atMs - bed.clock.monotonicMs()));
      bed.table.removeActive(end.server);
      const measured = end.failed ? 1000 : end.tookMs;
      observeResponse(bed.table, end.server, measured, bed.clock.monotonicMs());
      if (end.failed) continue;
      responses += end.tookMs;
      answered++;
    }
    bed.clock.jump(Math.max(0, nowMs - bed.clock.monotonicMs()));
    const pool = bed.workers[Math.floor(Math.random() * 2)] as PoolRuntime;
    const server = pick(pool, Math.floor(Math.random() * 65_536));
    counts[server] = (counts[server] as number) + 1;
    bed.table.tryAddActive(server, 0);
    const busy = Math.max(1, bed.table.active(server) / (4 * (ratios[server] as number)));
    const failed = options.fails?.(server) === true;
    const tookMs = failed ? 0.5 : exponential(options.responseMs(server)) * busy;
    ends.push({ atMs: nowMs + tookMs, server, tookMs, failed });
    const loads = ratios.map((ratio, at) => bed.table.active(at) / ratio);
    const all = loads.reduce((total, load, at) => total + load * (ratios[at] as number), 0);
    fullest += (Math.max(...loads) * sum) / Math.max(1, all);
    samples++;
  }
  const total = counts.reduce((one, count) => one + count, 0);
  return {
    overShare: counts.map((count, at) => count / ((total * (ratios[at] as number)) / sum)),
    fullest: fullest / samples,
    responseMs: responses / answered,
  };
}

const equal = (count: number): number[] => new Array<number>(count).fill(1);

console.log('| algorithm | ns a pick: 3 servers | 10 | 100 |\n| --- | --- | --- | --- |');
for (const algorithm of ALGORITHMS) {
  console.log(
    `| ${algorithm} | ${[3, 10, 100].map((count) => nanosecondsAPick(algorithm, count).toFixed(0)).join(' | ')} |`,
  );
}

console.log(
  '\n| algorithm | servers | picks over share, least to most | fullest | mean response |\n| --- | --- | --- | --- | --- |',
);
for (const algorithm of ALGORITHMS) {
  for (const ratios of [equal(3), equal(10), [4, 2, 1, 1]]) {
    const run = simulate(algorithm, { ratios, rate: 100, seconds: 120, responseMs: () => 30 });
    const cells = [
      algorithm,
      ratios.length > 5 ? `${ratios.length} equal` : ratios.join(':'),
      `${Math.min(...run.overShare).toFixed(2)} to ${Math.max(...run.overShare).toFixed(2)}`,
      run.fullest.toFixed(2),
      `${run.responseMs.toFixed(0)} ms`,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

console.log(
  '\n| algorithm | four times slower | mean response | fails at once | fails, share 1/4 | first 10 s of a ramp |\n| --- | --- | --- | --- | --- | --- |',
);
for (const algorithm of ALGORITHMS) {
  const base = { ratios: equal(5), rate: 100, seconds: 60, responseMs: () => 30 };
  const slow = simulate(algorithm, { ...base, responseMs: (server) => (server === 0 ? 120 : 30) });
  const fails = simulate(algorithm, { ...base, fails: (server) => server === 0 });
  const lowered = simulate(algorithm, {
    ...base,
    fails: (server) => server === 0,
    prepare: ({ table }) => table.setPassiveShare(0, 0.25),
  });
  const ramping = simulate(algorithm, {
    ...base,
    seconds: 10,
    prepare: ({ table, clock }) => table.startRamp(0, clock.monotonicMs()),
  });
  const cells = [
    algorithm,
    (slow.overShare[0] as number).toFixed(2),
    `${slow.responseMs.toFixed(0)} ms`,
    (fails.overShare[0] as number).toFixed(2),
    (lowered.overShare[0] as number).toFixed(2),
    (ramping.overShare[0] as number).toFixed(2),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
