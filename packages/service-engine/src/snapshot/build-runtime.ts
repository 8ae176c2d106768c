// Building the runtime of a snapshot beside the one that serves: what is unchanged is kept, with its counters and connections.

import { isDeepStrictEqual } from 'node:util';
import {
  type PoolSnapshot,
  parseRingKeys,
  type ServerSnapshot,
  type Snapshot,
  type VirtualServiceSnapshot,
  wipeRingKeys,
} from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { ConnectionCapacity } from '../listener/connection-capacity.ts';
import type { CrowdCounter } from '../load-balancing/crowd-counter.ts';
import type { TicketTrail } from '../load-balancing/ticket-trail.ts';
import { IdleConnections } from '../pool/idle-connections.ts';
import { createPoolRuntime, type PoolRuntime } from '../pool/pool-runtime.ts';
import type { RequestQueues } from '../pool/request-queues.ts';
import { type ServerRuntime, serverIdNumber } from '../pool/server-runtime.ts';
import type { ServerTable } from '../pool/server-table.ts';
import { SharedConnections } from '../pool/shared-connections.ts';
import { TlsSessions } from '../pool/tls-sessions.ts';
import { createKeyRing, type KeyRing } from '../session-ticket/key-ring.ts';
import { type RingTexts, ringDigest, ringTextOf } from '../session-ticket/ring-texts.ts';
import { type MetricsTable, metricsRow } from '../telemetry/metrics-table.ts';
import { createTlsClient } from '../tls/create-tls-client.ts';
import { type SecureServerListener, SecureServers } from '../tls/secure-servers.ts';
import { ConnectionPipeline, type PipelineServices } from '../virtual-service/connection-pipeline.ts';
import { HostRouter } from '../virtual-service/host-router.ts';
import { VirtualService, type VirtualServiceRuntime } from '../virtual-service/virtual-service.ts';
import { type SlotNumbers, serverSlotKey } from './slot-numbers.ts';
import { EMPTY_SNAPSHOT } from './snapshot-change.ts';

export interface RuntimeServices {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly random: RandomSource;
  readonly serverTable: ServerTable;
  readonly capacity: ConnectionCapacity;
  readonly requestQueues: RequestQueues;
  readonly metricsTable: MetricsTable;
  readonly crowdCounter: CrowdCounter;
  readonly ticketTrail: TicketTrail;
  readonly pipeline: PipelineServices;
}

interface BuildServices extends RuntimeServices {
  /** Settings of TLS that OpenSSL has taken. */
  readonly provenTls: Set<string>;
}

/** One virtual service of the new runtime, and what it becomes at the swap. */
export interface BuiltVirtualService {
  readonly runtime: VirtualServiceRuntime;
  readonly virtualService: VirtualService;
  readonly pipeline: ConnectionPipeline;
}

/** Everything that a worker serves, by one configuration. Nothing in it is changed after it was built. */
export interface EngineRuntime {
  readonly version: number;
  readonly snapshot: Snapshot;
  readonly pools: ReadonlyMap<string, PoolRuntime>;
  /** By uuid. */
  readonly virtualServices: ReadonlyMap<string, BuiltVirtualService>;
}

/** The rings stay out of the runtime: keys that are rotated out would live as long as it does. */
export interface BuiltRuntime {
  readonly runtime: EngineRuntime;
  /** By the uuid of their virtual services. */
  readonly rings: ReadonlyMap<string, KeyRing>;
}

export const EMPTY_RUNTIME: EngineRuntime = Object.freeze({
  version: 0,
  snapshot: EMPTY_SNAPSHOT,
  pools: new Map(),
  virtualServices: new Map(),
});

/**
 * @throws when the snapshot cannot be served (a context that OpenSSL refuses); `former` is untouched in any case.
 */
export function buildRuntime(
  version: number,
  snapshot: Snapshot,
  secrets: ReadonlyMap<string, string>,
  rings: RingTexts,
  slots: SlotNumbers,
  former: EngineRuntime,
  services: RuntimeServices,
): BuiltRuntime {
  const derive = ringDeriver(rings);
  const derived = new Map<string, KeyRing>();
  const pools = new Map<string, PoolRuntime>();
  const snapshots = new Map(snapshot.pools.map((pool) => [pool.uuid, pool]));
  const build = (uuid: string): PoolRuntime => {
    const built = pools.get(uuid);
    if (built !== undefined) return built;
    const pool = snapshots.get(uuid);
    if (pool === undefined) throw new Error(`pool ${uuid} is missing`);
    // A pool is made after its backup; the chain ends, by validation.
    const backup = pool.failAction.kind === 'backup' ? build(pool.failAction.poolUuid) : undefined;
    const made = buildPool(pool, former.pools.get(uuid), secrets, slots, services, backup);
    pools.set(uuid, made);
    return made;
  };
  for (const { uuid } of snapshot.pools) build(uuid);
  const routers = buildHostRouters(snapshot, former);
  const virtualServices = new Map<string, BuiltVirtualService>();
  const provenTls = new Set(
    [...former.virtualServices.values()].flatMap(({ runtime }) => runtime.secureServers?.settingsHash ?? []),
  );
  for (const virtualService of snapshot.virtualServices) {
    const { uuid, name, hosting, poolUuid } = virtualService;
    const pool = pools.get(poolUuid);
    if (pool === undefined) throw new Error(`virtual service ${name} has no pool`);
    const hosts =
      hosting === undefined ? undefined : routers.get(hosting.kind === 'child' ? hosting.parentUuid : uuid);
    const ring = derive(uuid, former.virtualServices.get(uuid)?.virtualService.ring);
    derived.set(uuid, ring);
    virtualServices.set(
      uuid,
      buildVirtualService(virtualService, pool, hosts, secrets, ring, slots, former, {
        ...services,
        provenTls,
      }),
    );
  }
  return { runtime: Object.freeze({ version, snapshot, pools, virtualServices }), rings: derived };
}

/** By the uuid of the parent. */
function buildHostRouters(
  { virtualServices }: Snapshot,
  former: EngineRuntime,
): ReadonlyMap<string, HostRouter> {
  const routers = new Map<string, HostRouter>();
  for (const { uuid, hosting } of virtualServices) {
    if (hosting?.kind !== 'parent') continue;
    const known = former.virtualServices.get(uuid)?.runtime;
    const kept = isDeepStrictEqual(known?.snapshot.hosting, hosting) ? known?.hosts : undefined;
    routers.set(uuid, kept ?? new HostRouter(uuid, hosting.hosts));
  }
  return routers;
}

/** Derives the ring of a virtual service, or gives back the one that it has where that came from the same text. */
export type RingDeriver = (virtualServiceUuid: string, former: KeyRing | undefined) => KeyRing;

/** A thousand virtual services have as many rings: what has not changed is not derived again. */
export function ringDeriver(rings: RingTexts): RingDeriver {
  return (virtualServiceUuid, former) => {
    const text = ringTextOf(rings, virtualServiceUuid);
    const digest = ringDigest(text);
    if (former?.digest === digest) return former;
    const keys = parseRingKeys(text);
    const ring = createKeyRing(keys, virtualServiceUuid, digest);
    wipeRingKeys(keys);
    return ring;
  };
}

function buildPool(
  snapshot: PoolSnapshot,
  former: PoolRuntime | undefined,
  secrets: ReadonlyMap<string, string>,
  slots: SlotNumbers,
  services: RuntimeServices,
  backup: PoolRuntime | undefined,
): PoolRuntime {
  if (former !== undefined && isDeepStrictEqual(former.snapshot, snapshot)) {
    if (former.backup === backup) return former;
    // Only what stands behind it is another. Its rows are not told again.
    return createPoolRuntime(snapshot, former.servers, services, former.queue, backup, former.tlsClient);
  }
  // A connection that was opened by other rules carries no request of the new ones.
  const sameRules =
    former !== undefined && isDeepStrictEqual(connectionRules(former.snapshot), connectionRules(snapshot));
  const servers = snapshot.servers.map((server) => {
    const known = sameRules ? former.serversById.get(serverIdNumber(server.id)) : undefined;
    return buildServer(server, snapshot, known, slots, services);
  });
  const slot = slots.pools.get(snapshot.uuid);
  if (slot === undefined) throw new Error(`pool ${snapshot.name} has no slot`);
  const tlsClient =
    snapshot.tls === undefined ? undefined : createTlsClient(snapshot.tls.client, secrets, services.clock);
  return createPoolRuntime(snapshot, servers, services, services.requestQueues.of(slot), backup, tlsClient);
}

function connectionRules({ upstreamConnections, tls, http2 }: PoolSnapshot) {
  return { upstreamConnections, tls, http2 };
}

function buildServer(
  snapshot: ServerSnapshot,
  pool: PoolSnapshot,
  former: ServerRuntime | undefined,
  slots: SlotNumbers,
  { clock, deadlines, serverTable, metricsTable }: RuntimeServices,
): ServerRuntime {
  const slot = slots.servers.get(serverSlotKey(pool.uuid, snapshot.id));
  if (slot === undefined) throw new Error(`server ${snapshot.name} has no slot`);
  const kept = former?.snapshot.enabled === snapshot.enabled ? former : undefined;
  return Object.freeze({
    snapshot,
    id: serverIdNumber(snapshot.id),
    slot,
    table: serverTable,
    metrics: former?.metrics ?? metricsRow(metricsTable, 'server', slot),
    // Of a server that is disabled now, what is in use is not kept; of one that is enabled again, everything starts anew.
    idle: kept?.idle ?? new IdleConnections(pool.upstreamConnections, clock, deadlines),
    shared: kept?.shared ?? new SharedConnections(pool.upstreamConnections),
    tlsSessions: kept?.tlsSessions ?? new TlsSessions(pool.tls?.client, clock),
  });
}

function buildVirtualService(
  snapshot: VirtualServiceSnapshot,
  pool: PoolRuntime,
  hosts: HostRouter | undefined,
  secrets: ReadonlyMap<string, string>,
  ring: KeyRing,
  slots: SlotNumbers,
  former: EngineRuntime,
  services: BuildServices,
): BuiltVirtualService {
  const known = former.virtualServices.get(snapshot.uuid);
  const isUnchanged =
    known?.runtime.snapshot === snapshot && known.runtime.pool === pool && known.runtime.hosts === hosts;
  if (isUnchanged) return known;
  // Pipeline and secure servers are made before the virtual service they belong to. They ask for it when there is a client.
  let virtualService = known?.virtualService;
  const pipeline =
    known?.pipeline ?? new ConnectionPipeline(services.pipeline, () => virtualService as VirtualService);
  const secureServers = buildSecureServers(
    snapshot,
    known?.runtime,
    secrets,
    () => (virtualService as VirtualService).ring,
    pipeline,
    services,
  );
  const runtime: VirtualServiceRuntime = Object.freeze({
    snapshot,
    pool,
    ...(hosts === undefined ? {} : { hosts }),
    ...(secureServers === undefined ? {} : { secureServers }),
  });
  virtualService ??= newVirtualService(snapshot, runtime, ring, slots, services);
  return { runtime, virtualService, pipeline };
}

function newVirtualService(
  { uuid, name }: VirtualServiceSnapshot,
  runtime: VirtualServiceRuntime,
  ring: KeyRing,
  slots: SlotNumbers,
  { metricsTable }: RuntimeServices,
): VirtualService {
  const slot = slots.virtualServices.get(uuid);
  if (slot === undefined) throw new Error(`virtual service ${name} has no slot`);
  return new VirtualService(uuid, metricsRow(metricsTable, 'virtual_service', slot), runtime, ring);
}

function buildSecureServers(
  snapshot: VirtualServiceSnapshot,
  former: VirtualServiceRuntime | undefined,
  secrets: ReadonlyMap<string, string>,
  ring: () => KeyRing,
  listener: SecureServerListener,
  { clock, random, provenTls }: BuildServices,
): SecureServers | undefined {
  const { tls } = snapshot;
  if (tls === undefined) return undefined;
  if (former?.secureServers !== undefined && isDeepStrictEqual(former.snapshot.tls, tls))
    return former.secureServers;
  const made = new SecureServers({
    virtualServiceUuid: snapshot.uuid,
    tls,
    secrets,
    ring,
    clock,
    random,
    listener,
  });
  // A context costs a millisecond, and a thousand virtual services have few certificates and profiles.
  if (!provenTls.has(made.settingsHash)) made.prove();
  provenTls.add(made.settingsHash);
  return made;
}
