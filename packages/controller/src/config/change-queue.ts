// The queue of changes: one at a time, in the order in which they came.

import { LimpetError } from '@limpet/model';

/** As many may wait; each takes some tens of milliseconds. */
const WAITING_MAX = 1000;

export class ChangeQueue {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @throws LimpetError CHANGES_WAITING where too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_MAX) throw new LimpetError('CHANGES_WAITING');
    this.#waiting++;
    // One that fails is no concern of those behind it.
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }
}
