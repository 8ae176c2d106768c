// The connections of one server on one worker that carry several requests at once, and what is known of the protocol that it speaks.

import type { PoolSnapshot } from '@limpet/model';

export interface SharedConnection {
  /** What it was opened for: a request takes one of its own names and no other. */
  readonly names: string;
  /** Whether it can carry one more request. */
  readonly hasRoom: boolean;
  readonly openRequests: number;
  /** No new request; it ends with the last one that is on it. */
  retire(): void;
}

/**
 * The first with room is taken, so that few are busy and the surplus of a burst grows idle and closes. There is no cap on their number: it
 * follows from the requests under way and the streams that the server allows.
 */
export class SharedConnections<C extends SharedConnection> {
  /** By the names that they are opened for; whoever opens them keeps it. */
  readonly openings = new Map<string, object>();
  /** What the server chose when it was last asked. */
  protocol: 'h2' | 'http/1.1' | undefined;
  readonly #limits: PoolSnapshot['upstreamConnections'];
  readonly #open: C[] = [];
  #closed = false;

  constructor(limits: PoolSnapshot['upstreamConnections']) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.length;
  }

  find(names: string): C | undefined {
    return this.#open.find((connection) => connection.names === names && connection.hasRoom);
  }

  /** Those who waited for it take it first; then {@link settle} is called. */
  add(connection: C): void {
    this.#open.push(connection);
  }

  /** The configuration may have changed while it opened: then it serves those who waited for it, and nobody else. */
  settle(connection: C): void {
    if (this.#closed) connection.retire();
  }

  remove(connection: C): void {
    const index = this.#open.indexOf(connection);
    if (index >= 0) this.#open.splice(index, 1);
  }

  /** Whether a connection that has just become idle is one more than may be kept. */
  get hasSurplus(): boolean {
    const { maxIdlePerServer } = this.#limits;
    if (maxIdlePerServer === 0) return false;
    return this.#open.filter(({ openRequests }) => openRequests === 0).length > maxIdlePerServer;
  }

  /** Retires all, and every one that comes later. */
  close(): void {
    this.#closed = true;
    for (const connection of [...this.#open]) connection.retire();
  }
}
