// The stay of one request in the queue of its pool: from the moment when no server has a place until one has, or it gives up.

import type { PoolRuntime } from '../pool/pool-runtime.ts';
import { ANY_SERVER } from '../pool/queue-table.ts';
import type { RequestQueue } from '../pool/request-queue.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import type { QueuePlace, Waiter } from '../pool/wait-list.ts';
import { type MetricsRow, metricOffset } from '../telemetry/metrics-table.ts';

/** How it ended: with a place, without one in time, for want of room, by its client, or because no server is there any more. */
export type StayOutcome = 'served' | 'expired' | 'overflow' | 'client_gone' | 'no_server';

const QUEUED = metricOffset('limpet_requests_queued');
const WAIT_S = metricOffset('limpet_request_queue_wait_seconds_total');
const ENDED: Readonly<Record<StayOutcome, number>> = {
  served: metricOffset('limpet_request_queue_total', 'served'),
  expired: metricOffset('limpet_request_queue_total', 'expired'),
  overflow: metricOffset('limpet_request_queue_total', 'overflow'),
  client_gone: metricOffset('limpet_request_queue_total', 'client_gone'),
  no_server: metricOffset('limpet_request_queue_total', 'no_server'),
};

export class QueueStay {
  readonly #metrics: MetricsRow;
  readonly #startedAtMs: number;
  #queue: RequestQueue | undefined;
  #place: QueuePlace | undefined;

  constructor(metrics: MetricsRow, nowMs: number) {
    this.#metrics = metrics;
    this.#startedAtMs = nowMs;
    metrics.add(QUEUED);
  }

  /** Whether it waits in the queue of that pool, for that server (undefined: for any). */
  isFor(pool: PoolRuntime, server: ServerRuntime | undefined): boolean {
    const place = this.#place;
    return (
      place?.isWaiting === true &&
      this.#queue === pool.queue &&
      place.list.server === (server?.slot ?? ANY_SERVER)
    );
  }

  /** Waits there, and not where it did before. False: there is no room. */
  waitFor(pool: PoolRuntime, server: ServerRuntime | undefined, waiter: Waiter): boolean {
    this.#leave();
    const depth = pool.snapshot.requestQueue?.depth ?? 0;
    const place = pool.queue.enter(waiter, server?.slot ?? ANY_SERVER, depth);
    this.#queue = pool.queue;
    this.#place = place;
    if (place === undefined) return false;
    pool.queue.begin(place);
    return true;
  }

  /** Its ticket in the queue of that pool; 0 where it has none. */
  ticketIn(pool: PoolRuntime): number {
    return this.#place?.isWaiting === true && this.#queue === pool.queue ? this.#place.ticket : 0;
  }

  /** Returns how long it was. */
  end(outcome: StayOutcome, nowMs: number): number {
    if (outcome === 'served' || outcome === 'no_server') this.#leave();
    else if (this.#place !== undefined) this.#queue?.abandon(this.#place);
    const waitedMs = nowMs - this.#startedAtMs;
    this.#metrics.add(QUEUED, -1);
    this.#metrics.add(ENDED[outcome]);
    this.#metrics.add(WAIT_S, waitedMs / 1000);
    return waitedMs;
  }

  #leave(): void {
    if (this.#place !== undefined) this.#queue?.leave(this.#place);
  }
}
