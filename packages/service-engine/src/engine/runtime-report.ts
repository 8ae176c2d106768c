// What /runtime says of an engine: live state joined with the configuration, and no secret.

import type { PoolSnapshot, ServerSnapshot } from '@limpet/model';
import type { RingFacts } from '../session-ticket/ring-texts.ts';
import { serverSlotKey } from '../snapshot/slot-numbers.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { type EngineFacts, observeServer, oldestRing } from './engine-facts.ts';

const CONNECTIONS_OPEN = metricOffset('limpet_connections_open');

/** Field names follow Avi's runtime objects where it has them. */
export function describeRuntime(facts: EngineFacts): unknown {
  const { capacity, memory, servers } = facts;
  const { version, snapshot, ringFacts, complete } = facts.inEffect;
  const { metrics, queueTable, slots } = memory;
  const monitors = Map.groupBy(servers.health.describe(), ({ poolUuid, serverId }) =>
    serverSlotKey(poolUuid, serverId),
  );
  const poolNames = new Map(snapshot.pools.map(({ uuid, name }) => [uuid, name]));
  return {
    engine: facts.engineName,
    state: facts.state,
    config: { version, hash: snapshot.hash, complete },
    workers: facts.workers,
    connections: {
      limit: capacity.connections,
      limited_by: capacity.boundBy,
      places_taken: memory.placesTaken,
      places_limit: capacity.places,
      memory_limit_bytes: capacity.memoryBytes,
    },
    ticket_keys: describeRing(oldestRing(ringFacts)),
    virtual_services: snapshot.virtualServices.map(({ uuid, name, listeners, poolUuid }) => ({
      uuid,
      name,
      listeners: listeners.map(({ address, terminatesTls }) => ({ ...address, ssl: terminatesTls })),
      pool: poolNames.get(poolUuid),
      ticket_keys: describeRing(ringFacts.get(uuid)),
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
        : { queued_requests: queueTable.waiting(slots.pools.get(pool.uuid) ?? 0) }),
      servers: pool.servers.map((server) => ({
        ...describeServer(facts, pool, server),
        health_monitors: (monitors.get(serverSlotKey(pool.uuid, server.id)) ?? []).map(
          ({ poolUuid: _pool, serverId: _server, ...rest }) => rest,
        ),
      })),
    })),
  };
}

/** In the words of the configuration; nothing where a pool has no profile. */
function describePersistence({ persistence }: PoolSnapshot): object {
  if (persistence.kind === 'none') return {};
  const type = persistence.kind === 'tls' ? 'PERSISTENCE_TYPE_TLS' : 'PERSISTENCE_TYPE_HTTP_COOKIE';
  return { persistence: { type, profile: persistence.profileName, recovery: persistence.recovery } };
}

function describeServer(facts: EngineFacts, pool: PoolSnapshot, server: ServerSnapshot): object {
  const { serverTable } = facts.memory;
  const { slot, share, connections, activeRequests, drain, draining } = observeServer(facts, pool, server);
  const health = serverTable.health(slot);
  const observed = health === 'up' ? 'OPER_UP' : health === 'checking' ? 'OPER_UNKNOWN' : 'OPER_DOWN';
  return {
    id: server.id,
    name: server.name,
    ...server.address,
    enabled: server.enabled,
    oper_status: server.enabled ? observed : draining ? 'OPER_DISABLING' : 'OPER_DISABLED',
    ...(drain?.leftMs === undefined ? {} : { drain_ends_in_s: Math.ceil(drain.leftMs / 1000) }),
    ...(health === 'maintenance' ? { maintenance: true } : {}),
    ...(serverTable.passiveShare(slot) < 1 ? { fails_often: true } : {}),
    share,
    connections,
    active_requests: activeRequests,
  };
}

function describeRing(ring: RingFacts | undefined): object | undefined {
  if (ring === undefined) return undefined;
  const { rotations, rotatedAtS, keys } = ring;
  return { rotations, rotated_at: new Date(rotatedAtS * 1000).toISOString(), keys };
}
