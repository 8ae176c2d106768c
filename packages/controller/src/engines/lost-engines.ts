// Lost engines: those that have been away for so long that others shall take their virtual services, and those that were revoked.

import type { JsonObject } from '../json.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import type { EngineStatus } from './engine-registry.ts';

export interface LostEnginesServices {
  readonly engines: () => readonly Pick<EngineStatus, 'uuid' | 'name' | 'connected' | 'revoked'>[];
  /** ControllerProperties.dead_se_detection_timer, as it is now. */
  readonly afterS: () => number;
  /** All that are lost, each time that these are others. Where it rejects it is asked again. */
  readonly onLost: (uuids: ReadonlySet<string>) => Promise<void>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly deadlines: Deadlines;
  readonly onEvent: (eventId: string, details: JsonObject) => void;
}

const LOOK_EVERY_MS = 5000;

export class LostEngines {
  readonly #services: LostEnginesServices;
  /** Since when an engine is away, of the Controller's own clock: nobody sets that. */
  readonly #awaySinceMs = new Map<string, number>();
  #told: ReadonlySet<string> = new Set();
  #next: Deadline | undefined;

  constructor(services: LostEnginesServices) {
    this.#services = services;
  }

  start(): void {
    this.#next ??= this.#services.deadlines.start(LOOK_EVERY_MS, () => void this.#look());
  }

  stop(): void {
    this.#next?.cancel();
    this.#next = undefined;
  }

  async #look(): Promise<void> {
    const { engines, onLost, onEvent } = this.#services;
    const known = engines();
    const lost = this.#observe(known);
    const isNews = lost.size !== this.#told.size || [...lost].some((uuid) => !this.#told.has(uuid));
    if (isNews) {
      try {
        await onLost(lost);
        for (const { uuid, name } of known)
          if (lost.has(uuid) && !this.#told.has(uuid)) onEvent('SE_LOST', { se_uuid: uuid, se_name: name });
        this.#told = lost;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        onEvent('SE_NOT_REPLACED', { se_uuids: [...lost], reason });
      }
    }
    this.#next?.restart();
  }

  /** After a start of the Controller every engine has the whole time to come back. */
  #observe(known: ReturnType<LostEnginesServices['engines']>): ReadonlySet<string> {
    const { clock, afterS } = this.#services;
    const [nowMs, afterMs] = [clock.monotonicMs(), afterS() * 1000];
    const lost = new Set<string>();
    const away = new Map<string, number>();
    for (const { uuid, connected, revoked } of known) {
      if (connected && !revoked) continue;
      const sinceMs = this.#awaySinceMs.get(uuid) ?? nowMs;
      away.set(uuid, sinceMs);
      if (revoked || nowMs - sinceMs >= afterMs) lost.add(uuid);
    }
    this.#awaySinceMs.clear();
    for (const [uuid, sinceMs] of away) this.#awaySinceMs.set(uuid, sinceMs);
    return lost;
  }
}
