// Upstream connections that belong to one client connection (connection_multiplexing_enabled off): no other client's requests go over them.

import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import { IdleConnections } from './idle-connections.ts';
import type { PoolRuntime } from './pool-runtime.ts';
import type { ServerRuntime } from './server-runtime.ts';
import { SharedConnections } from './shared-connections.ts';

interface Dedicated {
  /** As the configuration in effect has it. */
  readonly server: ServerRuntime;
  /** The same, with connections that are this client's alone. */
  readonly own: ServerRuntime;
}

/** Some servers authenticate a connection instead of a request (NTLM): on a shared one the next client would be the last one. */
export class DedicatedConnections {
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #bySlot = new Map<number, Dedicated>();
  #closed = false;

  constructor(clock: Clock, deadlines: Deadlines) {
    this.#clock = clock;
    this.#deadlines = deadlines;
  }

  /** The same server, with connections that are this client's alone. */
  at(server: ServerRuntime, pool: PoolRuntime): ServerRuntime {
    const known = this.#bySlot.get(server.slot);
    if (known?.server === server) return known.own;
    // A reload makes a new object of the server. Where it keeps the server's connections, the client keeps its own, too.
    const kept = known?.server.idle === server.idle ? known.own : undefined;
    if (kept === undefined) this.leave(server.slot);
    const { upstreamConnections } = pool.snapshot;
    const own: ServerRuntime = Object.freeze({
      ...server,
      idle: kept?.idle ?? new IdleConnections(upstreamConnections, this.#clock, this.#deadlines),
      shared: kept?.shared ?? new SharedConnections(upstreamConnections),
    });
    this.#bySlot.set(server.slot, { server, own });
    // A request may outlive its client; what it opens then is closed when it is done.
    if (this.#closed) closeConnections(own);
    return own;
  }

  /** The server has gone, or its time is over: what the client has there is closed when it is free. */
  leave(slot: number): void {
    const known = this.#bySlot.get(slot);
    if (known === undefined) return;
    this.#bySlot.delete(slot);
    closeConnections(known.own);
  }

  /** The client is gone, and its connections with it, those in use when they are free, and those that are opened yet. */
  close(): void {
    this.#closed = true;
    for (const { own } of this.#bySlot.values()) closeConnections(own);
  }
}

function closeConnections({ idle, shared }: ServerRuntime): void {
  idle.close();
  shared.close();
}
