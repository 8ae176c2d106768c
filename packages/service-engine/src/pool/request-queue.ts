// The request queue of one pool on one worker: requests that wait for a place at a server, oldest first over all workers.

import { ANY_SERVER, NO_WORKER, type QueueTable } from './queue-table.ts';
import { QueuePlace, type Waiter, WaitList } from './wait-list.ts';

/**
 * Every pool has one, kept through reloads, whether or not its configuration lets requests wait: those that began to wait under the former one
 * have to be served, too. While nobody waits it costs one look at shared memory a request.
 */
export class RequestQueue {
  readonly #table: QueueTable;
  readonly #pool: number;
  readonly #worker: number;
  readonly #onWaiting: () => void;
  readonly #any = new WaitList(ANY_SERVER);
  /** By slot. */
  readonly #bound = new Map<number, WaitList>();
  #size = 0;
  /** Since the last {@link #passOn}. */
  #servedAny = false;

  /**
   * @param pool the pool's slot in the table.
   * @param onWaiting a request waits here now: signals must be listened to.
   */
  constructor(table: QueueTable, pool: number, worker: number, onWaiting: () => void) {
    this.#table = table;
    this.#pool = pool;
    this.#worker = worker;
    this.#onWaiting = onWaiting;
  }

  /** Requests that wait on this worker. */
  get size(): number {
    return this.#size;
  }

  /** Whether a request waits that must have a place at the server before one with this ticket (0: before a new one). */
  isAwaited(server: number, ticket: number): boolean {
    return this.#table.isAwaited(this.#pool, server, ticket);
  }

  /**
   * Undefined: as many wait as may. After that the caller says {@link begin}: a place may have become free in this moment.
   *
   * @param server a slot, or ANY_SERVER.
   */
  enter(waiter: Waiter, server: number, depth: number): QueuePlace | undefined {
    const ticket = this.#table.enter(this.#pool, depth);
    if (ticket === undefined) return undefined;
    const list = this.#listOf(server);
    const place = new QueuePlace(waiter, ticket, list);
    list.add(place);
    this.#size++;
    this.#publish(list);
    return place;
  }

  /** Looks for a place for a request that has just entered, and for those before it. */
  begin(place: QueuePlace): void {
    const before = this.#size;
    const other = place.list === this.#any ? this.#serveAny() : this.#serve(place.list.server);
    if (place.isWaiting) this.#onWaiting();
    // Others before it were served, perhaps by places for which this worker was to be woken: it will find nothing then.
    if (this.#size < before) this.#passOn(other);
  }

  /** The request has its place, or waits elsewhere. Only the first call counts. */
  leave(place: QueuePlace): void {
    if (!place.isWaiting) return;
    const { list } = place;
    list.remove(place);
    this.#size--;
    if (list !== this.#any && list.first === undefined) this.#bound.delete(list.server);
    this.#publish(list);
    this.#table.leave(this.#pool);
  }

  /** The request waits no more though it got nothing: those behind it, on whatever worker, may go on. */
  abandon(place: QueuePlace): void {
    if (!place.isWaiting) return;
    const wasFirst = place.list.first === place;
    this.leave(place);
    if (!wasFirst) return;
    this.pump();
    this.#table.signalOthers(this.#pool);
  }

  /** A place at the server was given back. */
  released(server: number): void {
    if (this.#table.waiting(this.#pool) === 0) return;
    this.#passOn(this.#serve(server));
  }

  /** Something has changed: whoever comes first, for each server and for any, looks again. */
  pump(): void {
    const before = this.#size;
    if (before === 0) return;
    for (const server of [...this.#bound.keys()]) this.#serve(server);
    this.#serveAny();
    this.#servedAny = false;
    // One that would have taken any place took another than the one for which this worker was woken. Only then: two workers that
    // found nothing would wake each other for ever.
    if (this.#size < before) this.#table.signalOthers(this.#pool);
  }

  /** @param other whose turn it is at the server that was looked at. */
  #passOn(other: number): void {
    // As in pump: the place for which others wait may be another than the one that was taken.
    if (this.#servedAny) this.#table.signalOthers(this.#pool);
    else if (other !== NO_WORKER) this.#table.signal(other);
    this.#servedAny = false;
  }

  /** Gives places at the server to requests here while they come first. Returns the other worker whose turn it is then, if it is one's. */
  #serve(server: number): number {
    for (;;) {
      const first = this.#table.firstFor(this.#pool, server);
      if (first !== this.#worker) return first;
      const place = older(this.#bound.get(server)?.first, this.#any.first);
      if (place === undefined || !this.#takeTurn(place)) return NO_WORKER;
    }
  }

  #serveAny(): number {
    for (;;) {
      const place = this.#any.first;
      if (place === undefined || !this.#takeTurn(place)) return NO_WORKER;
    }
  }

  #takeTurn(place: QueuePlace): boolean {
    if (!place.waiter.takeTurn()) return false;
    if (place.list === this.#any) this.#servedAny = true;
    this.leave(place);
    return true;
  }

  #listOf(server: number): WaitList {
    if (server === ANY_SERVER) return this.#any;
    let list = this.#bound.get(server);
    if (list === undefined) {
      list = new WaitList(server);
      this.#bound.set(server, list);
    }
    return list;
  }

  #publish(list: WaitList): void {
    this.#table.setFirst(this.#pool, list.server, list.first?.ticket ?? 0);
  }
}

function older(one: QueuePlace | undefined, other: QueuePlace | undefined): QueuePlace | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return ((one.ticket - other.ticket) | 0) < 0 ? one : other;
}
