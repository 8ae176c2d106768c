// The TLS sessions of one server on one worker, kept so that the next connection can resume one; bounded, and none used longer than it may be.

import type { TlsClientSnapshot } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';

/** A session that may be resumed, and until when it and all that come of it may be. */
export interface ResumableSession {
  readonly session: Buffer;
  readonly untilMs: number;
}

interface KeptSession extends ResumableSession {
  /** RFC 8446 App. C.4: a ticket of TLS 1.3 is used once, since it can be linked to its first use. */
  readonly once: boolean;
}

/** Sets of names that sessions are kept for; the oldest goes first. A session is 1 to 3 kB. */
const NAMES_MAX = 64;
/** Of each: a burst of connections finds so many, then makes full handshakes. */
const SESSIONS_MAX = 4;

/**
 * Kept by the names that the connection was opened with: a resumed session brings no certificate, so what was verified when it was new has to be
 * what is asked for now. A change of the pool's TLS begins with none.
 */
export class TlsSessions {
  readonly #client: TlsClientSnapshot | undefined;
  readonly #clock: Clock;
  readonly #byNames = new Map<string, KeptSession[]>();

  /** @param client absent: nothing is kept. */
  constructor(client: TlsClientSnapshot | undefined, clock: Clock) {
    this.#client = client?.sessionReuse === true ? client : undefined;
    this.#clock = clock;
  }

  get size(): number {
    let size = 0;
    for (const kept of this.#byNames.values()) size += kept.length;
    return size;
  }

  take(names: string): ResumableSession | undefined {
    const kept = this.#byNames.get(names);
    if (kept === undefined) return undefined;
    const nowMs = this.#clock.unixMs();
    for (let newest = kept.at(-1); newest !== undefined; newest = kept.at(-1)) {
      if (newest.untilMs > nowMs) {
        if (newest.once) kept.pop();
        return newest;
      }
      kept.pop();
    }
    this.#byNames.delete(names);
    return undefined;
  }

  /** When a session that is new now may be used no more. */
  endOfNew(): number {
    return this.#clock.unixMs() + (this.#client?.sessionTimeoutS ?? 0) * 1000;
  }

  /** @param tls13 whether its connection is of TLS 1.3. */
  put(names: string, { session, untilMs }: ResumableSession, tls13: boolean): void {
    if (this.#client === undefined) return;
    let kept = this.#byNames.get(names);
    if (kept === undefined) {
      if (this.#byNames.size >= NAMES_MAX) this.#byNames.delete(this.#byNames.keys().next().value as string);
      kept = [];
      this.#byNames.set(names, kept);
    }
    // One of TLS 1.2 serves any number of connections.
    if (!tls13) kept.length = 0;
    else if (kept.length >= SESSIONS_MAX) kept.shift();
    kept.push({ session, once: tls13, untilMs });
  }
}
