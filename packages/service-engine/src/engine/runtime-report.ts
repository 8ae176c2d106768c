// What /runtime and /metrics say about an engine: live state joined with the configuration, and no secret.

import type { PoolSnapshot, RingKeys, Snapshot } from '@limpet/model';
import type { HealthSchedule } from '../health-monitor/health-schedule.ts';
import type { CapacityPlan } from '../listener/capacity-plan.ts';
import type { QueueTable } from '../pool/queue-table.ts';
import type { DrainReport, ServerDrains } from '../pool/server-drains.ts';
import { shareInTable } from '../pool/server-share.ts';
import type { ServerTable } from '../pool/server-table.ts';
import { type SlotNumbers, serverSlotKey } from '../snapshot/worker-messages.ts';
import type { MetricOwner, MetricOwners } from '../telemetry/exposition.ts';
import { type MetricsTable, metricOffset } from '../telemetry/metrics-table.ts';

const SERVER_SHARE = metricOffset('limpet_server_share');
const SERVER_ACTIVE = metricOffset('limpet_server_requests_active');
const SERVER_DRAINING = metricOffset('limpet_server_draining');
const CONNECTIONS_OPEN = metricOffset('limpet_connections_open');

export interface RuntimeFacts {
  readonly engineName: string;
  readonly state: string;
  readonly version: number;
  /** Whether the configuration is in effect on every worker and address. */
  readonly complete: boolean;
  readonly workers: number;
  readonly snapshot: Snapshot;
  readonly ringKeys: RingKeys;
  readonly health: HealthSchedule;
  readonly drains: ServerDrains;
  readonly serverTable: ServerTable;
  readonly capacity: CapacityPlan & { readonly memoryBytes: number; readonly placesTaken: number };
  readonly queueTable: QueueTable;
  readonly metrics: MetricsTable;
  readonly slots: SlotNumbers;
  /** Of the monotonic clock. */
  readonly nowMs: number;
}

/** The body of /runtime. Field names follow Avi's runtime objects where it has them. */
export function describeRuntime(facts: RuntimeFacts): unknown {
  const { snapshot, ringKeys, serverTable, slots, metrics } = facts;
  const monitors = facts.health.describe();
  return {
    engine: facts.engineName,
    state: facts.state,
    config: { version: facts.version, hash: snapshot.hash, complete: facts.complete },
    workers: facts.workers,
    connections: {
      limit: facts.capacity.connections,
      limited_by: facts.capacity.boundBy,
      places_taken: facts.capacity.placesTaken,
      places_limit: facts.capacity.places,
      memory_limit_bytes: facts.capacity.memoryBytes,
    },
    ticket_keys: {
      rotations: ringKeys.rotations,
      rotated_at: new Date(ringKeys.rotatedAtS * 1000).toISOString(),
      keys: 2 + ringKeys.previous.length,
    },
    virtual_services: snapshot.virtualServices.map(({ uuid, name, listeners, poolUuid }) => ({
      uuid,
      name,
      listeners: listeners.map(({ address, terminatesTls }) => ({ ...address, ssl: terminatesTls })),
      pool: snapshot.pools.find((pool) => pool.uuid === poolUuid)?.name,
      open_connections: metrics.read(
        'virtual_service',
        slots.virtualServices.get(uuid) ?? 0,
        CONNECTIONS_OPEN,
      ),
    })),
    pools: snapshot.pools.map((pool) => ({
      uuid: pool.uuid,
      name: pool.name,
      ...describePersistence(pool),
      ...(pool.requestQueue === undefined
        ? {}
        : { queued_requests: facts.queueTable.waiting(slots.pools.get(pool.uuid) ?? 0) }),
      servers: pool.servers.map((server) => {
        const slot = slots.servers.get(serverSlotKey(pool.uuid, server.id)) as number;
        const drain = facts.drains.describe(pool, server);
        return {
          id: server.id,
          name: server.name,
          ...server.address,
          enabled: server.enabled,
          oper_status: server.enabled
            ? operStatus(serverTable, slot)
            : isDraining(drain, serverTable, slot)
              ? 'OPER_DISABLING'
              : 'OPER_DISABLED',
          ...(drain?.leftMs === undefined ? {} : { drain_ends_in_s: Math.ceil(drain.leftMs / 1000) }),
          ...(serverTable.health(slot) === 'maintenance' ? { maintenance: true } : {}),
          ...(serverTable.passiveShare(slot) < 1 ? { fails_often: true } : {}),
          share: roundedShare(shareInTable(serverTable, slot, pool.rampMs, facts.nowMs)),
          connections: serverTable.placed(slot),
          active_requests: serverTable.active(slot),
          health_monitors: monitors
            .filter((entry) => entry.poolUuid === pool.uuid && entry.serverId === server.id)
            .map(({ poolUuid: _pool, serverId: _server, ...rest }) => rest),
        };
      }),
    })),
  };
}

/** In the words of the configuration; nothing where a pool has no profile. */
function describePersistence({ persistence }: PoolSnapshot): object {
  if (persistence.kind === 'none') return {};
  const type = persistence.kind === 'tls' ? 'PERSISTENCE_TYPE_TLS' : 'PERSISTENCE_TYPE_HTTP_COOKIE';
  return { persistence: { type, profile: persistence.profileName, recovery: persistence.recovery } };
}

function roundedShare(share: number): number {
  return Math.round(share * 1000) / 1000;
}

function operStatus(serverTable: ServerTable, slot: number): string {
  const health = serverTable.health(slot);
  return health === 'up' ? 'OPER_UP' : health === 'checking' ? 'OPER_UNKNOWN' : 'OPER_DOWN';
}

/** Whether something is left at a disabled server that may end by itself. */
function isDraining(drain: DrainReport | undefined, serverTable: ServerTable, slot: number): boolean {
  return drain?.over === false && (serverTable.placed(slot) > 0 || serverTable.active(slot) > 0);
}

/** Gauges that are a look at the server table: set when they are asked for. */
export function noteServerGauges(
  metrics: MetricsTable,
  snapshot: Snapshot,
  slots: SlotNumbers,
  serverTable: ServerTable,
  drains: ServerDrains,
  nowMs: number,
): void {
  for (const pool of snapshot.pools) {
    for (const server of pool.servers) {
      const slot = slots.servers.get(serverSlotKey(pool.uuid, server.id)) as number;
      const draining = isDraining(drains.describe(pool, server), serverTable, slot);
      metrics.set('server', slot, SERVER_ACTIVE, serverTable.active(slot));
      metrics.set('server', slot, SERVER_DRAINING, draining ? 1 : 0);
      const share = shareInTable(serverTable, slot, pool.rampMs, nowMs);
      metrics.set('server', slot, SERVER_SHARE, roundedShare(share));
    }
  }
}

/** Whose metrics there are, with the labels that name them. */
export function metricOwners(engine: string, snapshot: Snapshot, slots: SlotNumbers): MetricOwners {
  const virtualServices: MetricOwner[] = snapshot.virtualServices.map(({ uuid, name }) => ({
    slot: slots.virtualServices.get(uuid) ?? 0,
    labels: { engine, virtual_service: name },
  }));
  const servers: MetricOwner[] = snapshot.pools.flatMap((pool) =>
    pool.servers.map((server) => ({
      slot: slots.servers.get(serverSlotKey(pool.uuid, server.id)) ?? 0,
      labels: { engine, pool: pool.name, server: server.name },
    })),
  );
  return { engine: [{ slot: 0, labels: { engine } }], virtual_service: virtualServices, server: servers };
}
