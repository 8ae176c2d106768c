// The connections of one server on one worker that carry several requests at once, and what is known of the protocol that it speaks.

import type { PoolSnapshot } from '@limpet/model';
import type { ResetBudget } from './reset-budget.ts';

export interface SharedConnection {
  /** What it was opened for: a request takes one of its own names and no other. */
  readonly names: string;
  /** Whether it can carry one more request. */
  readonly hasRoom: boolean;
  readonly openRequests: number;
  /** When something last came over it. */
  readonly heardAtMs: number;
  /** No new request; it ends with the last one that is on it. */
  retire(): void;
  /** Ends at once. */
  destroy(): void;
}

// One costs 50 kB, with TLS 130 kB, and carries a hundred requests: fewer than of those that carry one each.
const IDLE_MAX = 128;

/**
 * The first with room is taken, so that few are busy and the surplus of a burst grows idle and closes. The number of those in use follows from
 * the requests under way and the streams that the server allows; idle ones have a cap, since clients may choose the names that they are opened for.
 */
export class SharedConnections<C extends SharedConnection> {
  /** By the names that they are opened for; whoever opens them keeps it. */
  readonly openings = new Map<string, object>();
  /** What the server chose when it was last asked. */
  protocol: 'h2' | 'http/1.1' | undefined;
  /** Of those that were retired because the server reset a stream with ENHANCE_YOUR_CALM; whoever opens them keeps it. */
  calms: ResetBudget | undefined;
  readonly #idleMax: number;
  readonly #byNames = new Map<string, C[]>();
  #size = 0;
  #closed = false;

  constructor({ maxIdlePerServer }: PoolSnapshot['upstreamConnections']) {
    this.#idleMax = maxIdlePerServer === 0 ? IDLE_MAX : Math.min(maxIdlePerServer, IDLE_MAX);
  }

  get size(): number {
    return this.#size;
  }

  find(names: string): C | undefined {
    return this.#byNames.get(names)?.find(({ hasRoom }) => hasRoom);
  }

  /** Those who waited for it take it first; then {@link settle} is called. */
  add(connection: C): void {
    const same = this.#byNames.get(connection.names);
    if (same === undefined) this.#byNames.set(connection.names, [connection]);
    else same.push(connection);
    this.#size++;
  }

  /** The configuration may have changed while it opened: then it serves those who waited for it, and nobody else. */
  settle(connection: C): void {
    if (this.#closed) connection.retire();
    else this.trim();
  }

  remove(connection: C): void {
    const same = this.#byNames.get(connection.names);
    const index = same?.indexOf(connection) ?? -1;
    if (same === undefined || index < 0) return;
    same.splice(index, 1);
    if (same.length === 0) this.#byNames.delete(connection.names);
    this.#size--;
  }

  /** Retires the one that was not wanted for longest, where more are idle than may be. Call when one becomes idle. */
  trim(): void {
    if (this.#size <= this.#idleMax) return;
    let idle = 0;
    let oldest: C | undefined;
    for (const same of this.#byNames.values()) {
      for (const connection of same) {
        if (connection.openRequests > 0) continue;
        idle++;
        if (oldest === undefined || connection.heardAtMs < oldest.heardAtMs) oldest = connection;
      }
    }
    if (idle > this.#idleMax) oldest?.retire();
  }

  /** Closes those that carry nothing, for what they hold is needed elsewhere. */
  reclaim(): void {
    for (const connection of this.#all()) if (connection.openRequests === 0) connection.destroy();
  }

  /** Retires all, and every one that comes later. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#all()) connection.retire();
  }

  /** A copy: those that end leave while it is gone through. */
  #all(): readonly C[] {
    return [...this.#byNames.values()].flat();
  }
}
