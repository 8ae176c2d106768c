// A server that comes back, in simulated time: the engine's own choice of servers for clients without a ticket, under each algorithm.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LbAlgorithm, PoolSnapshot } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { CrowdCounter } from '../load-balancing/crowd-counter.ts';
import { seededRandom } from '../load-balancing/picker.conformance.ts';
import { TicketTrail } from '../load-balancing/ticket-trail.ts';
import { createPoolRuntime } from './pool-runtime.ts';
import { selectForConnection } from './select-for-connection.ts';
import type { ServerRuntime } from './server-runtime.ts';
import { rampShare } from './server-share.ts';
import { ServerTable } from './server-table.ts';
import { queueForTest } from './test-queue.ts';

const SERVERS = 5;
const RAMP_MS = 600_000;
const CONNECTIONS_A_SECOND = 25;
const LIFE_MS = 40_000;
const WINDOW_MS = 30_000;
const WARM_MS = 180_000;
const DOWN_MS = 60_000;

/** New connections of the server that was down and of all, in each window after it came back; and what is open at the end. */
function simulate(algorithm: LbAlgorithm) {
  const clock = createFakeClock();
  const random = seededRandom(20_261_124);
  const table = new ServerTable(ServerTable.allocate(1, SERVERS), 1, 0);
  const snapshots = Array.from({ length: SERVERS }, (_, at) => ({
    id: (0xa00000000000 + 977 * at).toString(16),
    ratio: 1,
    enabled: true,
  }));
  // Only as far as the choice looks at them.
  const snapshot = {
    uuid: 'pool',
    algorithm,
    ...(algorithm === 'consistent-hash' ? { hash: 'address' } : {}),
    rampMs: RAMP_MS,
    persistence: { kind: 'tls', profileName: 'sticky', recovery: 'immediate' },
    servers: snapshots,
    connectionLimitPerServer: 0,
    minServersUp: 0,
    failAction: { kind: 'unavailable' },
  } as unknown as PoolSnapshot;
  const servers = snapshots.map((server, slot) => {
    table.setHealth(slot, 'up');
    return { snapshot: server, id: Number.parseInt(server.id, 16), slot, table } as ServerRuntime;
  });
  const pool = createPoolRuntime(
    snapshot,
    servers,
    {
      clock,
      random,
      crowdCounter: new CrowdCounter(CrowdCounter.allocate()),
      ticketTrail: new TicketTrail(TicketTrail.allocate()),
    },
    queueForTest(),
  );
  const exponential = (mean: number): number => -Math.log(1 - random.fraction()) * mean;
  let open: { readonly untilMs: number; readonly slot: number }[] = [];
  const windows: { all: number; returned: number }[] = [];
  const startMs = clock.monotonicMs();
  const backMs = startMs + WARM_MS + DOWN_MS;
  const secret = Buffer.alloc(32, 3);
  let client = 0;
  let swept = startMs;
  for (let nowMs = startMs; nowMs < backMs + RAMP_MS + 4 * LIFE_MS; ) {
    const stepMs = exponential(1000 / CONNECTIONS_A_SECOND);
    const isPast = (atMs: number): boolean => nowMs < atMs && nowMs + stepMs >= atMs;
    if (isPast(startMs + WARM_MS)) {
      table.setHealth(0, 'down');
      for (const { slot } of open) if (slot === 0) table.removePlaced(0);
      open = open.filter(({ slot }) => slot !== 0);
    }
    if (isPast(backMs)) {
      table.startRamp(0, backMs);
      table.setHealth(0, 'up');
    }
    nowMs += stepMs;
    clock.jump(nowMs - clock.monotonicMs());
    if (nowMs - swept > 250) {
      swept = nowMs;
      for (const { untilMs, slot } of open) if (untilMs <= nowMs) table.removePlaced(slot);
      open = open.filter(({ untilMs }) => untilMs > nowMs);
    }
    client++;
    const selection = selectForConnection(pool, {
      mapping: undefined,
      bindConnection: false,
      clientIp: `10.${client >> 16}.${(client >> 8) & 255}.${client & 255}`,
      clientPort: 50_000,
      hello: undefined,
      affinitySecret: secret,
    });
    assert.ok(selection.kind === 'place' && selection.placement.server !== undefined);
    const { slot } = selection.placement.server;
    table.addPlaced(slot);
    open.push({ untilMs: nowMs + exponential(LIFE_MS), slot });
    if (nowMs < backMs) continue;
    const at = Math.floor((nowMs - backMs) / WINDOW_MS);
    windows[at] ??= { all: 0, returned: 0 };
    const window = windows[at] as { all: number; returned: number };
    window.all++;
    if (slot === 0) window.returned++;
  }
  return { windows, placed: servers.map(({ slot }) => table.placed(slot)) };
}

describe('a server that comes back', () => {
  for (const algorithm of [
    'round-robin',
    'least-connections',
    'fastest-response',
    'random-of-two',
    'consistent-hash',
  ] as const) {
    it(`draws first connections as its share grows, no herd and no famine, under ${algorithm}`, () => {
      const { windows, placed } = simulate(algorithm);
      for (const [at, { all, returned }] of windows.slice(0, -1).entries()) {
        // The share grows within the window: what it has at the end is the most, and at the beginning the least.
        const [least, most] = [at, at + 1].map((edge) => {
          const share = rampShare(edge * WINDOW_MS, RAMP_MS);
          return (all * share) / (SERVERS - 1 + share);
        }) as [number, number];
        const chance = 5 * Math.sqrt(most);
        assert.ok(returned <= 1.25 * most + chance, `window ${at}: ${returned} of ${all}, ${most} at most`);
        assert.ok(
          returned >= 0.75 * least - chance,
          `window ${at}: ${returned} of ${all}, ${least} at least`,
        );
      }
      const mean = placed.reduce((sum, count) => sum + count, 0) / SERVERS;
      for (const count of placed) assert.ok(Math.abs(count / mean - 1) < 0.35, `in the end ${placed}`);
    });
  }
});
