// What the reports of an engine are made from: its parts, as they are at the moment of asking.

import type { PoolSnapshot, ServerSnapshot } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { DrainReport } from '../pool/server-drains.ts';
import { shareInTable } from '../pool/server-share.ts';
import type { RingFacts } from '../session-ticket/ring-texts.ts';
import { serverSlotKey } from '../snapshot/slot-numbers.ts';
import type { InEffect } from './configuration-flow.ts';
import type { EngineCapacity } from './engine-capacity.ts';
import type { EngineMemory } from './engine-memory.ts';
import type { ServerWatch } from './server-watch.ts';

const OVERDUE_GRACE_S = 60;

export interface EngineFacts {
  readonly engineName: string;
  readonly clock: Clock;
  readonly memory: EngineMemory;
  readonly capacity: EngineCapacity;
  readonly servers: ServerWatch;
  readonly inEffect: InEffect;
  readonly state: 'starting' | 'serving' | 'draining';
  /** Workers that serve. */
  readonly workers: number;
}

/** A server at this moment, as every report says it. */
export interface ServerFacts {
  readonly slot: number;
  /** Of the traffic that it would have by its ratio: less in a ramp, or while it fails often. */
  readonly share: number;
  readonly connections: number;
  readonly activeRequests: number;
  /** Of a disabled one. */
  readonly drain: DrainReport | undefined;
  /** Whether something is left at a disabled server that may end by itself. */
  readonly draining: boolean;
}

export function observeServer(
  { clock, memory, servers }: EngineFacts,
  pool: PoolSnapshot,
  server: ServerSnapshot,
): ServerFacts {
  const { serverTable, slots } = memory;
  const slot = slots.servers.get(serverSlotKey(pool.uuid, server.id)) as number;
  const drain = servers.drains.describe(pool, server);
  const connections = serverTable.placed(slot);
  const activeRequests = serverTable.active(slot);
  return {
    slot,
    share: Math.round(shareInTable(serverTable, slot, pool.rampMs, clock.monotonicMs()) * 1000) / 1000,
    connections,
    activeRequests,
    drain,
    draining: drain?.over === false && (connections > 0 || activeRequests > 0),
  };
}

/** Of the rings of all virtual services the one that was rotated first. */
export function oldestRing(ringFacts: ReadonlyMap<string, RingFacts>): RingFacts | undefined {
  return [...ringFacts.values()].reduce<RingFacts | undefined>(
    (oldest, ring) => (oldest === undefined || ring.rotatedAtS < oldest.rotatedAtS ? ring : oldest),
    undefined,
  );
}

/** Rings whose rotation is so long overdue that keys are past their cap: a Controller that is gone rotates nothing. */
export function overdueRings(ringFacts: ReadonlyMap<string, RingFacts>, nowS: number): number {
  return [...ringFacts.values()].filter(
    ({ rotatedAtS, rotatePeriodS }) => nowS - rotatedAtS > 2 * rotatePeriodS + OVERDUE_GRACE_S,
  ).length;
}
