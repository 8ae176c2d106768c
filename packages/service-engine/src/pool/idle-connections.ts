// The idle upstream connections of one server on one worker, newest first, each with an end.

import type { PoolSnapshot } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';

export interface PooledConnection {
  /** What it was opened for: a request takes one of its own names and no other. */
  readonly names: string;
  readonly openedAtMs: number;
  /** Requests that it has carried. */
  readonly uses: number;
  destroy(): void;
}

// Avi's upstream_connpool_server_max_cache is unlimited by default; a cap keeps a burst from holding descriptors for a minute.
const IDLE_MAX = 1024;

/**
 * Last in, first out, so that a quiet server's surplus connections grow old and close. Limits are Avi's ConnPoolProperties,
 * where 0 means none.
 */
export class IdleConnections<C extends PooledConnection> {
  readonly #limits: PoolSnapshot['upstreamConnections'];
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #idle: { connection: C; deadline: Deadline | undefined }[] = [];
  #closed = false;

  constructor(limits: PoolSnapshot['upstreamConnections'], clock: Clock, deadlines: Deadlines) {
    this.#limits = limits;
    this.#clock = clock;
    this.#deadlines = deadlines;
  }

  get size(): number {
    return this.#idle.length;
  }

  take(names: string): C | undefined {
    for (let index = this.#idle.length - 1; index >= 0; index--) {
      if (this.#idle[index]?.connection.names === names) return this.#takeAt(index);
    }
    return undefined;
  }

  /** Keeps a connection for the next request, or closes it where a limit says so. */
  put(connection: C): void {
    const { idleTimeoutMs, lifeTimeoutMs, maxReuse, maxIdlePerServer } = this.#limits;
    const cap = maxIdlePerServer === 0 ? IDLE_MAX : Math.min(maxIdlePerServer, IDLE_MAX);
    const ageMs = this.#clock.monotonicMs() - connection.openedAtMs;
    if (
      this.#closed ||
      (maxReuse > 0 && connection.uses > maxReuse) ||
      (lifeTimeoutMs > 0 && ageMs >= lifeTimeoutMs)
    ) {
      connection.destroy();
      return;
    }
    // The one that was not wanted for longest: a client that asks for ever new names must not keep the others' connections out.
    if (this.#idle.length >= cap) this.#takeAt(0)?.destroy();
    const leftMs = lifeTimeoutMs > 0 ? lifeTimeoutMs - ageMs : Number.POSITIVE_INFINITY;
    const waitMs = Math.min(idleTimeoutMs > 0 ? idleTimeoutMs : Number.POSITIVE_INFINITY, leftMs);
    const deadline = Number.isFinite(waitMs)
      ? this.#deadlines.start(waitMs, () => {
          this.remove(connection);
          connection.destroy();
        })
      : undefined;
    this.#idle.push({ connection, deadline });
  }

  /** Forgets a connection that closed while it was idle. */
  remove(connection: C): void {
    const index = this.#idle.findIndex((entry) => entry.connection === connection);
    if (index >= 0) this.#takeAt(index);
  }

  /** Closes all, for what they hold is needed elsewhere. */
  reclaim(): void {
    while (this.#idle.length > 0) this.#takeAt(this.#idle.length - 1)?.destroy();
  }

  /** Closes all, and every one that comes later. */
  close(): void {
    this.#closed = true;
    this.reclaim();
  }

  #takeAt(index: number): C | undefined {
    const [entry] = index === this.#idle.length - 1 ? [this.#idle.pop()] : this.#idle.splice(index, 1);
    entry?.deadline?.cancel();
    return entry?.connection;
  }
}
