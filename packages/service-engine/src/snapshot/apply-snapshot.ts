// Putting a configuration into effect on one worker: prepare (build, listen), then commit (swap one reference, let the old drain).

import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type Accepted, TcpListener } from '../listener/tcp-listener.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { TrustedProxies } from '../proxy-protocol/trusted-proxies.ts';
import type { KeyRing } from '../session-ticket/key-ring.ts';
import type { RingTexts } from '../session-ticket/ring-texts.ts';
import type { ConnectionPipeline } from '../virtual-service/connection-pipeline.ts';
import type { VirtualService } from '../virtual-service/virtual-service.ts';
import {
  buildRuntime,
  EMPTY_RUNTIME,
  type EngineRuntime,
  type RuntimeServices,
  ringDeriver,
} from './build-runtime.ts';
import { changed, EMPTY_SNAPSHOT } from './snapshot-change.ts';
import { addressKey, type ConfigUpdate } from './worker-messages.ts';

/** How a listener's connections are served now; read at each accept. */
interface Route {
  readonly virtualServiceUuid: string;
  readonly terminatesTls: boolean;
  readonly proxies?: TrustedProxies;
  /** Of a listener whose virtual service may be gone. */
  readonly pipeline?: ConnectionPipeline;
}

/** Who gets in. */
export interface Door {
  /** False refuses the connection, before anything is done for it. */
  readonly admits: (socket: Socket) => boolean;
  readonly onAcceptError: (code: string) => void;
}

const REMOVED_LOOK_MS = 5000;

interface Prepared {
  readonly runtime: EngineRuntime;
  readonly rings: ReadonlyMap<string, KeyRing>;
  readonly routes: ReadonlyMap<string, Route>;
  readonly newListeners: ReadonlyMap<string, TcpListener>;
}

/** Holds the one mutable reference of a worker: the runtime that serves. */
export class SnapshotApplier {
  readonly #services: RuntimeServices;
  readonly #door: Door;
  #current: EngineRuntime = EMPTY_RUNTIME;
  #routes: ReadonlyMap<string, Route> = new Map();
  #listeners = new Map<string, TcpListener>();
  #prepared: Prepared | undefined;
  /** Connections that a new listener has accepted before the commit says how to serve them. */
  #early: (readonly [key: string, accepted: Accepted])[] = [];
  /** How listeners that are being closed serve what still waited on them. */
  readonly #closing = new Map<string, Route>();
  /** Virtual services that are configured no more and may still have connections: what happens to all happens to theirs. */
  readonly #removed = new Set<VirtualService>();
  #watching = false;

  constructor(services: RuntimeServices, door: Door) {
    this.#services = services;
    this.#door = door;
  }

  get current(): EngineRuntime {
    return this.#current;
  }

  /**
   * Builds the runtime and opens its new listeners, which serve nobody until the commit.
   *
   * @param descriptors of sockets that are open already; they belong to the applier from now on.
   * @throws and has changed nothing.
   */
  async prepare(
    update: ConfigUpdate,
    descriptors: ReadonlyMap<string, number> = NO_DESCRIPTORS,
  ): Promise<void> {
    this.discard();
    const unused = new Map(descriptors);
    try {
      this.#prepared = await this.#build(update, unused);
    } finally {
      for (const descriptor of unused.values()) closeSync(descriptor);
    }
  }

  /** Takes the descriptors that it uses out of the map. */
  async #build(
    { version, since, change, secrets, rings, slots }: ConfigUpdate,
    descriptors: Map<string, number>,
  ): Promise<Prepared> {
    const former = this.#current;
    if (since !== 0 && since !== former.version)
      throw new Error(`version ${former.version} is served, and the change is one of version ${since}`);
    const snapshot = changed(since === 0 ? EMPTY_SNAPSHOT : former.snapshot, change);
    const built = buildRuntime(version, snapshot, secrets, rings, slots, former, this.#services);
    const routes = new Map<string, Route>();
    const newListeners = new Map<string, TcpListener>();
    try {
      for (const virtualService of snapshot.virtualServices) {
        for (const { address, terminatesTls, proxySources } of virtualService.listeners) {
          const key = addressKey(address);
          routes.set(key, {
            virtualServiceUuid: virtualService.uuid,
            terminatesTls,
            ...(proxySources === undefined ? {} : { proxies: new TrustedProxies(proxySources) }),
          });
          if (this.#listeners.has(key) || newListeners.has(key)) continue;
          const onAccept = (accepted: Accepted): void => {
            if (this.#services.capacity.admit(accepted.socket)) this.#accept(key, accepted);
            else this.#countRefused(key);
          };
          const listener = new TcpListener(address, onAccept, this.#door.onAcceptError, descriptors.get(key));
          descriptors.delete(key);
          newListeners.set(key, listener);
          // One that others accept from already has no need to be opened, and should not take connections that it may never serve.
          if (!listener.isShared) await listener.start();
        }
      }
    } catch (error) {
      this.#discardListeners(newListeners);
      throw error;
    }
    return { ...built, routes, newListeners };
  }

  /**
   * Swaps.
   *
   * @returns why shared sockets cannot be listened on, as when another process has begun to since they were opened; everything else is swapped, and
   * the next configuration with the address tries again.
   */
  async commit(): Promise<readonly string[]> {
    const prepared = this.#prepared;
    if (prepared === undefined) return ['nothing is prepared'];
    this.#prepared = undefined;
    const former = this.#current;
    const nowS = Math.floor(this.#services.clock.unixMs() / 1000);
    const formerRoutes = this.#routes;
    for (const [uuid, { virtualService, runtime }] of prepared.runtime.virtualServices) {
      virtualService.apply(runtime, nowS);
      virtualService.applyRing(prepared.rings.get(uuid) ?? virtualService.ring, this.#services.deadlines);
    }
    this.#current = prepared.runtime;
    this.#routes = prepared.routes;
    for (const [key, listener] of prepared.newListeners) this.#listeners.set(key, listener);
    this.#retire(former, formerRoutes);
    // Those that wait see what is in effect now.
    this.#services.requestQueues.pump();
    const early = this.#early;
    this.#early = [];
    for (const [key, accepted] of early) if (!accepted.socket.destroyed) this.#accept(key, accepted);
    const failures: string[] = [];
    for (const [key, listener] of prepared.newListeners) {
      if (!listener.isShared) continue;
      try {
        await listener.start();
      } catch (error) {
        // Node has closed the socket.
        failures.push(error instanceof Error ? error.message : String(error));
        this.#listeners.delete(key);
      }
    }
    return failures;
  }

  /** Keys of the addresses on which this worker accepts. */
  get listening(): readonly string[] {
    return [...this.#listeners.keys()];
  }

  /** Descriptors that were prepared, and that nobody would close if this thread ended now. */
  get unusedDescriptors(): readonly number[] {
    const listeners = this.#prepared?.newListeners.values() ?? [];
    return [...listeners].flatMap(({ descriptor }) => (descriptor === undefined ? [] : [descriptor]));
  }

  /** Gives up what was prepared. */
  discard(): void {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    if (prepared !== undefined) this.#discardListeners(prepared.newListeners);
  }

  /** Other ticket keys, which take effect with the next ticket; virtual services that are not named keep theirs. */
  applyRings(rings: RingTexts, destroyed: ReadonlySet<string>): void {
    const derive = ringDeriver(rings);
    for (const virtualService of this.#virtualServices()) {
      const { uuid, ring } = virtualService;
      if (rings.kind === 'each' && !rings.byVirtualService.has(uuid)) continue;
      virtualService.applyRing(derive(uuid, ring), this.#services.deadlines, destroyed.has(uuid));
    }
  }

  /** Ends connections as soon as what is under way on them is done; resolves when nothing is accepted any more. */
  async drain(keepIdle: boolean): Promise<void> {
    for (const virtualService of this.#virtualServices()) virtualService.drain(keepIdle);
    const { deadlines } = this.#services;
    await Promise.all([...this.#listeners.values()].map((listener) => listener.stop(deadlines)));
    this.#listeners.clear();
  }

  /** The time of a disabled server is over. */
  leaveServer(slot: number): void {
    for (const virtualService of this.#virtualServices()) virtualService.leaveServer(slot);
    for (const { servers } of this.#current.pools.values())
      for (const server of servers) if (server.slot === slot) closeConnections(server);
    this.#services.requestQueues.pump();
  }

  /** Closes connections to servers that carry nothing. */
  reclaimIdle(): void {
    for (const { servers } of this.#current.pools.values()) {
      for (const { idle, shared } of servers) {
        idle.reclaim();
        shared.reclaim();
      }
    }
  }

  /** Connections that are open. */
  get openConnections(): number {
    let open = 0;
    for (const virtualService of this.#virtualServices()) open += virtualService.connections.size;
    return open;
  }

  destroyConnections(): void {
    for (const virtualService of this.#virtualServices()) virtualService.destroyConnections();
    for (const pool of this.#current.pools.values())
      for (const server of pool.servers) closeConnections(server);
  }

  /** Those that are configured, and those that were and have not let go of their last client. */
  #virtualServices(): readonly VirtualService[] {
    this.#forgetRemoved();
    const configured = [...this.#current.virtualServices.values()].map(
      ({ virtualService }) => virtualService,
    );
    return [...configured, ...this.#removed];
  }

  #forgetRemoved(): void {
    // A listener that is being closed may still accept for one.
    const closing = new Set([...this.#closing.values()].map(({ virtualServiceUuid }) => virtualServiceUuid));
    for (const virtualService of this.#removed) {
      if (virtualService.connections.size > 0 || closing.has(virtualService.uuid)) continue;
      this.#removed.delete(virtualService);
      virtualService.wipeRing();
    }
  }

  /** Its keys shall not wait for the next configuration to be wiped. */
  #watchRemoved(): void {
    this.#forgetRemoved();
    if (this.#removed.size === 0 || this.#watching) return;
    this.#watching = true;
    this.#services.deadlines.start(REMOVED_LOOK_MS, () => {
      this.#watching = false;
      this.#watchRemoved();
    });
  }

  #countRefused(key: string): void {
    const route = this.#routes.get(key) ?? this.#closing.get(key);
    if (route !== undefined) pipelineOf(route, this.#current)?.countRefused();
  }

  #accept(key: string, accepted: Accepted): void {
    if (!this.#door.admits(accepted.socket)) {
      accepted.socket.resetAndDestroy();
      return;
    }
    const route = this.#routes.get(key) ?? this.#closing.get(key);
    const pipeline = route === undefined ? undefined : pipelineOf(route, this.#current);
    if (route !== undefined && pipeline !== undefined) {
      pipeline.accept(accepted, route.terminatesTls, route.proxies);
    } else {
      accepted.socket.on('error', IGNORE);
      this.#early.push([key, accepted]);
    }
  }

  #discardListeners(listeners: ReadonlyMap<string, TcpListener>): void {
    for (const listener of listeners.values()) listener.discard();
    for (const [, { socket }] of this.#early) socket.destroy();
    this.#early = [];
  }

  /** Ends what the new configuration does not have: listeners, virtual services, and idle connections of servers. */
  #retire(former: EngineRuntime, formerRoutes: ReadonlyMap<string, Route>): void {
    for (const [key, listener] of this.#listeners) {
      if (this.#routes.has(key)) continue;
      this.#listeners.delete(key);
      const route = formerRoutes.get(key);
      const pipeline = route === undefined ? undefined : pipelineOf(route, former);
      if (route !== undefined && pipeline !== undefined) this.#closing.set(key, { ...route, pipeline });
      void listener.stop(this.#services.deadlines).then(() => this.#closing.delete(key));
    }
    for (const [uuid, { virtualService }] of former.virtualServices) {
      if (this.#current.virtualServices.has(uuid)) continue;
      virtualService.drain(false);
      this.#removed.add(virtualService);
    }
    this.#watchRemoved();
    const kept = new Set(
      [...this.#current.pools.values()].flatMap(({ servers }) => servers.map(({ idle }) => idle)),
    );
    const gone = new Set<number>();
    for (const { servers } of former.pools.values()) {
      for (const server of servers) {
        if (kept.has(server.idle)) continue;
        closeConnections(server);
        gone.add(server.slot);
      }
    }
    if (gone.size === 0) return;
    for (const { virtualService } of former.virtualServices.values()) virtualService.forgetServers(gone);
  }
}

/** Those that carry nothing, at once; the others once they do. */
function closeConnections({ idle, shared }: ServerRuntime): void {
  idle.close();
  shared.close();
}

// Until a connection is served, an 'error' without a listener would end the worker.
const IGNORE = (): void => {};
const NO_DESCRIPTORS: ReadonlyMap<string, number> = new Map();

function pipelineOf(
  { pipeline, virtualServiceUuid }: Route,
  { virtualServices }: EngineRuntime,
): ConnectionPipeline | undefined {
  return pipeline ?? virtualServices.get(virtualServiceUuid)?.pipeline;
}
