// The request queues of a worker: made once a pool, and woken by other workers while requests wait in them.

import type { QueueTable } from './queue-table.ts';
import { RequestQueue } from './request-queue.ts';

export class RequestQueues {
  readonly #table: QueueTable;
  readonly #worker: number;
  readonly #bySlot = new Map<number, RequestQueue>();
  /** Those in which requests wait. */
  readonly #waiting = new Set<RequestQueue>();
  #listening = false;

  constructor(table: QueueTable, worker: number) {
    this.#table = table;
    this.#worker = worker;
  }

  /** The queue of the pool with this slot. */
  of(pool: number): RequestQueue {
    const known = this.#bySlot.get(pool);
    if (known !== undefined) return known;
    const queue: RequestQueue = new RequestQueue(this.#table, pool, this.#worker, () =>
      this.#listenFor(queue),
    );
    this.#bySlot.set(pool, queue);
    return queue;
  }

  /** What decides who can take a request has changed: the configuration, or the end of a drain. */
  pump(): void {
    for (const queue of this.#waiting) {
      queue.pump();
      if (queue.size === 0) this.#waiting.delete(queue);
    }
  }

  #listenFor(queue: RequestQueue): void {
    this.#waiting.add(queue);
    if (this.#listening) return;
    this.#listening = true;
    void this.#untilNobodyWaits();
  }

  /** By Atomics.waitAsync: no thread is blocked and nothing is polled; a signal is heard within a tenth of a millisecond. */
  async #untilNobodyWaits(): Promise<void> {
    for (;;) {
      // Read before the look at the queues: a signal in between is not lost.
      const seen = this.#table.signals;
      this.pump();
      if (this.#waiting.size === 0) break;
      await this.#table.nextSignal(seen);
    }
    this.#listening = false;
  }
}
