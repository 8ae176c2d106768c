// The events of the Controller: told to its log at once, and kept in the store in the order in which they came.

import type { Logger } from 'pino';
import type { JsonObject } from '../json.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { ObjectStore, StoredEvent } from '../store/object-store.ts';

/** That wait for the store. More are logged and not kept, and counted. */
const WAITING_MAX = 10_000;
const AT_ONCE_MAX = 500;

export class EventLog {
  readonly #store: Pick<ObjectStore, 'appendEvents'>;
  readonly #clock: Pick<Clock, 'unixMs'>;
  readonly #log: Logger;
  #waiting: StoredEvent[] = [];
  #writing: Promise<void> | undefined;
  #dropped = 0;

  constructor(store: Pick<ObjectStore, 'appendEvents'>, clock: Pick<Clock, 'unixMs'>, log: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  /** Never throws. */
  record(eventId: string, details: JsonObject): void {
    this.append({ atUs: Math.floor(this.#clock.unixMs() * 1000), eventId, details });
  }

  append(event: StoredEvent): void {
    this.#log.info({ event: event.eventId, details: event.details }, 'event');
    if (this.#waiting.length >= WAITING_MAX) this.#dropped++;
    else this.#waiting.push(event);
    this.#writing ??= this.#write();
  }

  /** Resolves when what has come so far is kept, or could not be. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    // One turn later, so that events that come together are written together.
    await undefined;
    while (this.#waiting.length > 0) {
      const events = this.#waiting.splice(0, AT_ONCE_MAX);
      try {
        await this.#store.appendEvents(events);
      } catch (error) {
        this.#dropped += events.length;
        this.#log.error(
          { event: 'EVENTS_NOT_KEPT', dropped: this.#dropped, err: error },
          'events were dropped',
        );
      }
    }
    this.#writing = undefined;
  }
}
