// Putting a configuration into effect on one worker: prepare (build, listen), then commit (swap one reference, let the old drain).

import type { Address } from '@limpet/model';
import { type Accepted, TcpListener } from '../listener/tcp-listener.ts';
import { TrustedProxies } from '../proxy-protocol/trusted-proxies.ts';
import { createKeyRing } from '../session-ticket/key-ring.ts';
import { parseRingKeys } from '../session-ticket/ring-file.ts';
import { buildRuntime, EMPTY_RUNTIME, type EngineRuntime, type RuntimeServices } from './build-runtime.ts';
import type { ConfigVersion } from './worker-messages.ts';

/** How a listener's connections are served now; read at each accept. */
interface Route {
  readonly virtualServiceUuid: string;
  readonly terminatesTls: boolean;
  readonly proxies?: TrustedProxies;
}

interface Prepared {
  readonly runtime: EngineRuntime;
  readonly routes: ReadonlyMap<string, Route>;
  readonly newListeners: ReadonlyMap<string, TcpListener>;
}

/** Holds the one mutable reference of a worker: the runtime that serves. */
export class SnapshotApplier {
  readonly #services: RuntimeServices;
  #current: EngineRuntime = EMPTY_RUNTIME;
  #routes: ReadonlyMap<string, Route> = new Map();
  #listeners = new Map<string, TcpListener>();
  #prepared: Prepared | undefined;

  constructor(services: RuntimeServices) {
    this.#services = services;
  }

  get current(): EngineRuntime {
    return this.#current;
  }

  /**
   * Builds the runtime and opens its new listeners, which refuse to serve until the commit.
   *
   * @throws and has changed nothing.
   */
  async prepare({ version, snapshot, secrets, ring, slots }: ConfigVersion): Promise<void> {
    this.discard();
    const runtime = buildRuntime(
      version,
      snapshot,
      secrets,
      parseRingKeys(ring),
      slots,
      this.#current,
      this.#services,
    );
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
          if (this.#listeners.has(key)) continue;
          const listener = new TcpListener(address, (accepted) => this.#accept(key, accepted));
          await listener.start();
          newListeners.set(key, listener);
        }
      }
    } catch (error) {
      for (const listener of newListeners.values()) listener.stop();
      throw error;
    }
    this.#prepared = { runtime, routes, newListeners };
  }

  /** Swaps. Cannot fail. */
  commit(): void {
    const prepared = this.#prepared;
    if (prepared === undefined) return;
    this.#prepared = undefined;
    const former = this.#current;
    const nowS = Math.floor(this.#services.clock.unixMs() / 1000);
    for (const { virtualService, runtime, ring } of prepared.runtime.virtualServices.values()) {
      virtualService.apply(runtime, nowS);
      virtualService.applyRing(ring);
    }
    this.#current = prepared.runtime;
    this.#routes = prepared.routes;
    for (const [key, listener] of prepared.newListeners) this.#listeners.set(key, listener);
    this.#retire(former);
  }

  /** Gives up what was prepared. */
  discard(): void {
    for (const listener of this.#prepared?.newListeners.values() ?? []) listener.stop();
    this.#prepared = undefined;
  }

  /** New ticket keys for every virtual service; takes effect with the next ticket. */
  applyRing(ring: string): void {
    const keys = parseRingKeys(ring);
    for (const { virtualService } of this.#current.virtualServices.values()) {
      virtualService.applyRing(createKeyRing(keys, virtualService.uuid));
    }
  }

  /** Stops accepting and ends connections as soon as what is under way on them is done. */
  drain(): void {
    for (const listener of this.#listeners.values()) listener.stop();
    this.#listeners.clear();
    for (const { virtualService } of this.#current.virtualServices.values()) virtualService.drain();
  }

  /** The time of a disabled server is over. */
  leaveServer(slot: number): void {
    for (const { virtualService } of this.#current.virtualServices.values()) virtualService.leaveServer(slot);
    for (const { servers } of this.#current.pools.values())
      for (const server of servers) if (server.slot === slot) server.idle.close();
  }

  /** Connections that are open. */
  get openConnections(): number {
    let open = 0;
    for (const { virtualService } of this.#current.virtualServices.values())
      open += virtualService.connections.size;
    return open;
  }

  destroyConnections(): void {
    for (const { virtualService } of this.#current.virtualServices.values())
      virtualService.destroyConnections();
    for (const pool of this.#current.pools.values()) for (const server of pool.servers) server.idle.close();
  }

  #accept(key: string, accepted: Accepted): void {
    const route = this.#routes.get(key);
    const built =
      route === undefined ? undefined : this.#current.virtualServices.get(route.virtualServiceUuid);
    if (route === undefined || built === undefined) {
      accepted.socket.destroy();
      return;
    }
    built.pipeline.accept(accepted, route.terminatesTls, route.proxies);
  }

  /** Ends what the new configuration does not have: listeners, virtual services, and idle connections of servers. */
  #retire(former: EngineRuntime): void {
    for (const [key, listener] of this.#listeners) {
      if (this.#routes.has(key)) continue;
      listener.stop();
      this.#listeners.delete(key);
    }
    for (const [uuid, { virtualService }] of former.virtualServices) {
      if (!this.#current.virtualServices.has(uuid)) virtualService.drain();
    }
    const kept = new Set(
      [...this.#current.pools.values()].flatMap(({ servers }) => servers.map(({ idle }) => idle)),
    );
    for (const { servers } of former.pools.values()) {
      for (const { idle } of servers) if (!kept.has(idle)) idle.close();
    }
  }
}

function addressKey({ ip, port }: Address): string {
  return `${ip}|${port}`;
}
