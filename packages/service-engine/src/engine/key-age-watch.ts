// The alarm of ticket keys that nobody rotates: an engine without its Controller goes on with them, past their time, and says so.

import type { Logger } from 'pino';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import type { RingFacts } from '../session-ticket/ring-texts.ts';
import { overdueRings } from './engine-facts.ts';

const LOOK_EVERY_MS = 60_000;

export class KeyAgeWatch {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #ringFacts: () => ReadonlyMap<string, RingFacts>;
  readonly #look: Deadline;
  #isOverdue = false;

  constructor(
    log: Logger,
    clock: Clock,
    deadlines: Deadlines,
    ringFacts: () => ReadonlyMap<string, RingFacts>,
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#ringFacts = ringFacts;
    this.#look = deadlines.start(LOOK_EVERY_MS, () => this.#tell());
  }

  stop(): void {
    this.#look.cancel();
  }

  /** Once an episode. */
  #tell(): void {
    this.#look.restart();
    const rings = overdueRings(this.#ringFacts(), Math.floor(this.#clock.unixMs() / 1000));
    if (rings > 0 && !this.#isOverdue)
      this.#log.warn(
        { event: 'TICKET_KEYS_OVERDUE', rings },
        'ticket keys were not rotated for more than twice their period; they stay in use until others come',
      );
    if (rings === 0 && this.#isOverdue)
      this.#log.info({ event: 'TICKET_KEYS_ROTATED' }, 'ticket keys are in time again');
    this.#isOverdue = rings > 0;
  }
}
