// What the admin server of an engine answers: how it is, its metrics, its live state.

import type { Clock } from '../lifecycle/clock.ts';
import type { AdminPages } from '../telemetry/admin-server.ts';
import { exposeMetrics } from '../telemetry/exposition.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import type { InEffect } from './configuration-flow.ts';
import type { EngineCapacity } from './engine-capacity.ts';
import type { EngineMemory } from './engine-memory.ts';
import { describeRuntime, metricOwners, noteServerGauges } from './runtime-report.ts';
import type { ServerWatch } from './server-watch.ts';

const KEY_AGE = metricOffset('limpet_ticket_key_age_seconds');
const WORKERS = metricOffset('limpet_workers');
const CONNECTIONS_LIMIT = metricOffset('limpet_connections_limit');

export interface AdminFacts {
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

/** @param facts as they are now; asked for with each page. */
export function createAdminPages(facts: () => AdminFacts): AdminPages {
  return {
    healthz: () => {
      const { state } = facts();
      return { ok: state === 'serving', detail: state };
    },
    metrics: () => describeMetrics(facts()),
    runtime: () => describeState(facts()),
  };
}

function describeMetrics({
  engineName,
  clock,
  memory,
  capacity,
  servers,
  inEffect,
  workers,
}: AdminFacts): string {
  const { metrics, serverTable, slots } = memory;
  const { snapshot, ringKeys } = inEffect;
  metrics.set('engine', 0, KEY_AGE, Math.floor(clock.unixMs() / 1000) - ringKeys.rotatedAtS);
  metrics.set('engine', 0, WORKERS, workers);
  metrics.set('engine', 0, CONNECTIONS_LIMIT, capacity.connections);
  noteServerGauges(metrics, snapshot, slots, serverTable, servers.drains, clock.monotonicMs());
  return exposeMetrics(metrics, metricOwners(engineName, snapshot, slots));
}

function describeState(facts: AdminFacts): unknown {
  const { engineName, clock, memory, capacity, servers, inEffect, state, workers } = facts;
  const { serverTable, queueTable, metrics, slots } = memory;
  const { version, snapshot, ringKeys, complete } = inEffect;
  return describeRuntime({
    engineName,
    state,
    version,
    complete,
    workers,
    snapshot,
    ringKeys,
    health: servers.health,
    drains: servers.drains,
    serverTable,
    metrics,
    capacity: { ...capacity, placesTaken: memory.placesTaken },
    queueTable,
    slots,
    nowMs: clock.monotonicMs(),
  });
}
