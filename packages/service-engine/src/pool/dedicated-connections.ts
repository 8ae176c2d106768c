// Upstream connections that belong to one client connection (connection_multiplexing_enabled off): no other client's requests go over them.

import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import { IdleConnections } from './idle-connections.ts';
import type { PoolRuntime } from './pool-runtime.ts';
import type { ServerRuntime } from './server-runtime.ts';
import { SharedConnections } from './shared-connections.ts';

/** Some servers authenticate a connection instead of a request (NTLM): on a shared one the next client would be the last one. */
export class DedicatedConnections {
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #byServer = new Map<ServerRuntime, ServerRuntime>();

  constructor(clock: Clock, deadlines: Deadlines) {
    this.#clock = clock;
    this.#deadlines = deadlines;
  }

  /** The same server, with connections that are this client's alone. */
  at(server: ServerRuntime, pool: PoolRuntime): ServerRuntime {
    const known = this.#byServer.get(server);
    if (known !== undefined) return known;
    const { upstreamConnections } = pool.snapshot;
    const own: ServerRuntime = Object.freeze({
      ...server,
      idle: new IdleConnections(upstreamConnections, this.#clock, this.#deadlines),
      shared: new SharedConnections(upstreamConnections),
    });
    this.#byServer.set(server, own);
    return own;
  }

  /** The client is gone, and its connections with it, those in use when they are free. */
  close(): void {
    for (const { idle, shared } of this.#byServer.values()) {
      idle.close();
      shared.close();
    }
  }
}
