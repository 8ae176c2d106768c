// The runtime of an object, joined from what all engines say of it, in the form of Avi's runtime objects.

import { type EngineReport, type ReportedServer, readEngineReport } from '@limpet/model';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { RuntimeSource } from './runtime-source.ts';

/** What is known of an engine. */
export interface ObservedEngine {
  readonly uuid: string;
  readonly name: string;
  readonly connected: boolean;
  readonly revoked: boolean;
  /** Since when it is connected, or is not. */
  readonly sinceMs?: number | undefined;
  readonly engineVersion?: string | undefined;
  readonly desired?: { readonly revision: number; readonly hash: string } | undefined;
  readonly acknowledged?: { readonly revision: number; readonly hash: string } | undefined;
  readonly refusal?: { readonly code: string; readonly reason: string } | undefined;
  /** Generations of ticket keys, by virtual service. */
  readonly rings: ReadonlyMap<string, number>;
  /** Over the link, since the Controller started; those with ticket keys are counted apart, too. */
  readonly sent?: {
    readonly messages: number;
    readonly bytes: number;
    readonly ringMessages: number;
    readonly ringBytes: number;
  };
  /** When it acknowledged some last. */
  readonly ringsAtMs?: number | undefined;
  /** As it came, unread. */
  readonly report?: unknown;
}

export interface KeyRotations {
  readonly count: number;
  readonly lastMs: number;
}

export interface RuntimeFacts {
  engines(): readonly ObservedEngine[];
  /** Uuids of the engines that a virtual service is placed on. */
  enginesOf(virtualServiceUuid: string): readonly string[];
  keyRotations(virtualServiceUuid: string): KeyRotations | undefined;
}

type OperState =
  | 'OPER_UP'
  | 'OPER_DOWN'
  | 'OPER_DISABLED'
  | 'OPER_DISABLING'
  | 'OPER_INITIALIZING'
  | 'OPER_PARTITIONED'
  | 'OPER_RESOURCES'
  | 'OPER_UNKNOWN'
  | 'OPER_UNUSED';

/** A server of a pool as one engine sees it. */
interface Sighting {
  readonly engine: ObservedEngine;
  readonly server: ReportedServer;
}

export class JoinedRuntime implements RuntimeSource {
  readonly #facts: RuntimeFacts;
  /** A report is read once, however often it is asked for. */
  readonly #read = new WeakMap<object, { readonly report: EngineReport | undefined }>();

  constructor(facts: RuntimeFacts) {
    this.#facts = facts;
  }

  runtime(view: ObjectView, object: ControllerObject, part: string): JsonValue {
    switch (object.type) {
      case 'VirtualService':
        return part === '' || part === 'detail' ? this.#virtualService(view, object) : undefined;
      case 'Pool':
        // A list of one: clients of the API take its first element.
        if (part === '' || part === 'detail') return [this.#pool(view, object)];
        return part === 'server' ? this.#servers(view, object) : undefined;
      case 'ServiceEngine':
        return part === '' || part === 'detail' ? this.#engine(object) : undefined;
      default:
        return undefined;
    }
  }

  healthScore(view: ObjectView, object: ControllerObject): number | undefined {
    switch (object.type) {
      case 'VirtualService': {
        const pool = poolOf(view, object);
        return pool === undefined ? undefined : this.healthScore(view, pool);
      }
      case 'Pool': {
        const { num_servers_enabled: enabled, num_servers_up: up } = this.#pool(view, object);
        return this.#sightings(view, object).length === 0 ? undefined : percent(Number(up), Number(enabled));
      }
      case 'ServiceEngine':
        return this.#engineOf(object)?.connected === true ? 100 : 0;
      default:
        return undefined;
    }
  }

  #virtualService(view: ObjectView, object: ControllerObject): JsonObject {
    const placed = new Set(this.#facts.enginesOf(object.uuid));
    const engines = this.#facts.engines().filter(({ uuid }) => placed.has(uuid));
    const pool = poolOf(view, object);
    const rotations = this.#facts.keyRotations(object.uuid);
    const generations = engines.map((engine) => engine.rings.get(object.uuid));
    return {
      oper_status: this.#virtualServiceStatus(view, object, engines, pool),
      service_engine: engines.map((engine, index) => ({
        uuid: engine.uuid,
        name: engine.name,
        url: `/api/serviceengine/${engine.uuid}`,
        // Clients reach all of them alike; the first is called primary, since clients of the API look for one.
        primary: index === 0,
        standby: false,
        connected: engine.connected,
        oper_status: this.#onEngine(engine, object.uuid),
        open_connections: this.#reported(engine)?.virtual_services.find(({ uuid }) => uuid === object.uuid)
          ?.open_connections,
        ticket_key_generation: generations[index],
      })),
      vip_runtime: [
        {
          vip_id: '0',
          se_list: engines.map(({ uuid, connected }, index) => ({
            se_ref: `/api/serviceengine/${uuid}`,
            is_primary: index === 0,
            is_standby: false,
            is_connected: connected,
          })),
          num_additional_se: Math.max(0, engines.length - 1),
        },
      ],
      ...(rotations === undefined
        ? {}
        : {
            key_rotation_count: rotations.count,
            last_key_rotation_time: new Date(rotations.lastMs).toISOString(),
          }),
      version: String(view.revision),
    };
  }

  #virtualServiceStatus(
    view: ObjectView,
    { body }: ControllerObject,
    engines: readonly ObservedEngine[],
    pool: ControllerObject | undefined,
  ): JsonObject {
    if (body.enabled === false) return status('OPER_DISABLED', 'the virtual service is disabled');
    if (engines.length === 0) return status('OPER_RESOURCES', 'no engine of its group has it');
    const connected = engines.filter((engine) => engine.connected);
    if (connected.length === 0) return status('OPER_UNKNOWN', 'none of its engines is connected');
    if (connected.every(({ acknowledged }) => acknowledged === undefined))
      return status('OPER_INITIALIZING', 'no engine has put a configuration into effect yet');
    const inPool = pool === undefined ? undefined : this.#pool(view, pool).oper_status;
    const state = (inPool as JsonObject | undefined)?.state;
    return state === 'OPER_DOWN' ? status('OPER_DOWN', 'its pool is down') : status('OPER_UP');
  }

  #onEngine(engine: ObservedEngine, virtualServiceUuid: string): JsonObject {
    if (!engine.connected) return status('OPER_UNKNOWN', 'the engine is not connected');
    if (engine.refusal !== undefined)
      return status('OPER_INITIALIZING', `the engine refused a configuration: ${engine.refusal.reason}`);
    const has = this.#reported(engine)?.virtual_services.some(({ uuid }) => uuid === virtualServiceUuid);
    return has === true
      ? status('OPER_UP')
      : status('OPER_INITIALIZING', 'the engine has not reported it yet');
  }

  #pool(view: ObjectView, object: ControllerObject): JsonObject {
    const configured = configuredServers(object);
    const seen = Map.groupBy(this.#sightings(view, object), ({ server }) =>
      serverKey(server.ip, server.port),
    );
    const enabled = configured.filter((server) => server.enabled);
    const states = enabled.map(({ key }) => joinedState(seen.get(key) ?? []));
    // A server that one engine reaches and another does not takes traffic.
    const up = states.filter((state) => state === 'OPER_UP' || state === 'OPER_PARTITIONED').length;
    return {
      oper_status: this.#poolStatus(object, seen.size > 0, up, states.includes('OPER_PARTITIONED')),
      num_servers: configured.length,
      num_servers_enabled: enabled.length,
      num_servers_up: up,
      percent_servers_up_total: percent(up, configured.length),
      percent_servers_up_enabled: percent(up, enabled.length),
    };
  }

  #poolStatus({ body }: ControllerObject, isSeen: boolean, up: number, isPartitioned: boolean): JsonObject {
    if (body.enabled === false) return status('OPER_DISABLED', 'the pool is disabled');
    if (!isSeen) return status('OPER_UNUSED', 'no engine that is connected has it');
    if (up < Math.max(1, Number(body.min_servers_up ?? 0)))
      return status('OPER_DOWN', `${up} servers are up`);
    return isPartitioned ? status('OPER_UP', 'engines do not find the same servers up') : status('OPER_UP');
  }

  #servers(view: ObjectView, object: ControllerObject): JsonValue {
    return this.#sightings(view, object).map(({ engine, server }) => ({
      ip_addr: { addr: server.ip, type: server.ip.includes(':') ? 'V6' : 'V4' },
      port: server.port,
      hostname: server.name,
      oper_status: status(
        server.oper_status as OperState,
        ...(server.maintenance === true ? ['it says that it is in maintenance'] : []),
      ),
      se_uuid: engine.uuid,
      is_standby: false,
      connections: server.connections,
      active_requests: server.active_requests,
      share: server.share,
      health_monitor_list: {
        health_monitor: server.health_monitors.map((monitor) => ({
          name: monitor.name,
          state: monitor.state,
          recent_response_time: monitor.recent_response_time_ms,
          failure_code: monitor.failure_code,
          reason: monitor.reason === '' ? undefined : monitor.reason,
        })),
      },
    }));
  }

  #engine(object: ControllerObject): JsonObject {
    const engine = this.#engineOf(object);
    if (engine === undefined)
      return { oper_status: status('OPER_UNKNOWN', 'it has not enrolled'), se_connected: false };
    const report = this.#reported(engine);
    return {
      oper_status: engineStatus(engine),
      se_connected: engine.connected,
      online_since:
        engine.connected && engine.sinceMs !== undefined ? new Date(engine.sinceMs).toISOString() : undefined,
      version: engine.engineVersion,
      configuration: {
        desired: engine.desired as JsonObject | undefined,
        acknowledged: engine.acknowledged as JsonObject | undefined,
        refusal: engine.refusal as JsonObject | undefined,
        ticket_keys_acknowledged_at_ms: engine.ringsAtMs,
      },
      at_curr_ver: engine.desired !== undefined && engine.desired.hash === engine.acknowledged?.hash,
      sent:
        engine.sent === undefined
          ? undefined
          : {
              messages: engine.sent.messages,
              bytes: engine.sent.bytes,
              ring_messages: engine.sent.ringMessages,
              ring_bytes: engine.sent.ringBytes,
            },
      connections_limit: report?.connections.limit,
      virtual_services: report?.virtual_services.map(({ uuid, name, open_connections }) => ({
        uuid,
        name,
        open_connections,
      })),
    };
  }

  #engineOf({ uuid }: ControllerObject): ObservedEngine | undefined {
    return this.#facts.engines().find((engine) => engine.uuid === uuid);
  }

  /** Of engines that are connected: what one said before it was lost is no news of now. */
  #sightings(view: ObjectView, { uuid }: ControllerObject): readonly Sighting[] {
    // An engine is no witness of pools that it was not given, whatever it reports.
    const given = new Set(virtualServicesWith(view, uuid).flatMap((one) => this.#facts.enginesOf(one)));
    return this.#facts.engines().flatMap((engine) => {
      if (!given.has(engine.uuid)) return [];
      const pool = this.#reported(engine)?.pools.find((one) => one.uuid === uuid);
      return pool === undefined ? [] : pool.servers.map((server) => ({ engine, server }));
    });
  }

  #reported(engine: ObservedEngine): EngineReport | undefined {
    const { report: body, connected } = engine;
    if (!connected || typeof body !== 'object' || body === null) return undefined;
    let read = this.#read.get(body);
    if (read === undefined) {
      read = { report: readEngineReport(body) };
      this.#read.set(body, read);
    }
    return read.report;
  }
}

function status(state: OperState, ...reason: readonly string[]): JsonObject {
  return reason.length === 0 ? { state } : { state, reason };
}

function engineStatus({ connected, revoked, refusal }: ObservedEngine): JsonObject {
  if (revoked) return status('OPER_DISABLED', 'it was revoked');
  if (!connected) return status('OPER_DOWN', 'it is not connected');
  return refusal === undefined
    ? status('OPER_UP')
    : status('OPER_UP', `it refused a configuration: ${refusal.reason}`);
}

/** Up or down where all engines agree, else in between. */
function joinedState(sightings: readonly Sighting[]): OperState {
  const states = new Set(sightings.map(({ server }) => server.oper_status));
  const [first] = states;
  if (first === undefined) return 'OPER_UNKNOWN';
  if (states.size === 1) return first as OperState;
  return states.has('OPER_UP') ? 'OPER_PARTITIONED' : 'OPER_DOWN';
}

interface ConfiguredServer {
  readonly key: string;
  readonly enabled: boolean;
}

function configuredServers({ body }: ControllerObject): readonly ConfiguredServer[] {
  const servers = (body.servers ?? []) as readonly JsonObject[];
  return servers.map(({ ip, port, enabled }) => ({
    key: serverKey(
      String((ip as JsonObject | undefined)?.addr),
      Number(port ?? body.default_server_port ?? 80),
    ),
    enabled: enabled !== false,
  }));
}

function serverKey(ip: string, port: number): string {
  return `${ip}|${port}`;
}

/** Uuids of those that a pool is behind, be it as the backup of another. */
function virtualServicesWith(view: ObjectView, poolUuid: string): readonly string[] {
  const found = new Set<string>();
  const pools = new Set([poolUuid]);
  // What is added meanwhile is gone through, too.
  for (const pool of pools)
    for (const { type, uuid } of view.referrers('Pool', pool)) {
      if (type === 'VirtualService') found.add(uuid);
      if (type === 'Pool') pools.add(uuid);
    }
  return [...found];
}

function poolOf(view: ObjectView, { body }: ControllerObject): ControllerObject | undefined {
  const uuid = typeof body.pool_ref === 'string' ? body.pool_ref.split('/').at(-1) : undefined;
  return uuid === undefined ? undefined : view.get('Pool', uuid);
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((100 * part) / whole);
}
