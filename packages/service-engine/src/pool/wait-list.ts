// A wait list: requests in the order in which they came, each of which can leave from the middle.

/** One request that waits for a place. */
export interface Waiter {
  /** Its turn may have come: it looks for a place. True: it waits here no more. Must not throw. */
  takeTurn(): boolean;
}

/** Its place in the queue. */
export class QueuePlace {
  readonly waiter: Waiter;
  readonly ticket: number;
  readonly list: WaitList;
  previous: QueuePlace | undefined;
  next: QueuePlace | undefined;
  isWaiting = true;

  constructor(waiter: Waiter, ticket: number, list: WaitList) {
    this.waiter = waiter;
    this.ticket = ticket;
    this.list = list;
  }
}

export class WaitList {
  /** The slot of the server that they wait for, or ANY_SERVER. */
  readonly server: number;
  #first: QueuePlace | undefined;
  #last: QueuePlace | undefined;

  constructor(server: number) {
    this.server = server;
  }

  get first(): QueuePlace | undefined {
    return this.#first;
  }

  add(place: QueuePlace): void {
    place.previous = this.#last;
    if (this.#last === undefined) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
  }

  remove(place: QueuePlace): void {
    if (place.previous === undefined) this.#first = place.next;
    else place.previous.next = place.next;
    if (place.next === undefined) this.#last = place.previous;
    else place.next.previous = place.previous;
    place.isWaiting = false;
  }
}
