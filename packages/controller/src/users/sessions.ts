// Sessions: who has logged in and has not been idle or open for too long; in memory, so that a restart ends them all.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';

export interface OpenSession {
  readonly userUuid: string;
  /** The hash of the password that it was opened under: it ends where the user has another. */
  credential: string;
  readonly csrfHash: Buffer;
  readonly openedMs: number;
  usedMs: number;
}

export interface SessionTimes {
  /** Undefined: however long. */
  readonly idleMs: number | undefined;
  readonly lifetimeMs: number;
}

const ID_BYTES = 32;
/** The session that was unused for longest ends where there is one more; SDKs log in again. */
const SESSIONS_MAX = 10_000;
/** A script that logs in anew for each request must not push out everybody else. */
const SESSIONS_PER_USER_MAX = 1000;

export class Sessions {
  readonly #clock: Clock;
  readonly #random: RandomSource;
  /** By the hash of the id; the one that was used last stands last. */
  readonly #sessions = new Map<string, OpenSession>();
  readonly #perUser = new Map<string, number>();

  constructor(clock: Clock, random: RandomSource) {
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    return this.#sessions.size;
  }

  open(
    userUuid: string,
    credential: string,
  ): { readonly id: string; readonly csrfToken: string; readonly session: OpenSession } {
    const id = this.#random.bytes(ID_BYTES).toString('base64url');
    const csrfToken = this.#random.bytes(ID_BYTES).toString('base64url');
    const nowMs = this.#clock.monotonicMs();
    const session = { userUuid, credential, csrfHash: sha256(csrfToken), openedMs: nowMs, usedMs: nowMs };
    this.#add(hashOf(id), session);
    if ((this.#perUser.get(userUuid) ?? 0) > SESSIONS_PER_USER_MAX)
      this.#endFirst((one) => one.userUuid === userUuid);
    if (this.#sessions.size > SESSIONS_MAX) this.#endFirst(() => true);
    return { id, csrfToken, session };
  }

  /** From now on it is not idle. */
  use(id: string, { idleMs, lifetimeMs }: SessionTimes): OpenSession | undefined {
    const hash = hashOf(id);
    const session = this.#sessions.get(hash);
    if (session === undefined) return undefined;
    const nowMs = this.#clock.monotonicMs();
    this.#remove(hash);
    if (nowMs - session.openedMs >= lifetimeMs) return undefined;
    if (idleMs !== undefined && nowMs - session.usedMs >= idleMs) return undefined;
    session.usedMs = nowMs;
    this.#add(hash, session);
    return session;
  }

  end(id: string): OpenSession | undefined {
    return this.#remove(hashOf(id));
  }

  #add(hash: string, session: OpenSession): void {
    this.#sessions.set(hash, session);
    this.#perUser.set(session.userUuid, (this.#perUser.get(session.userUuid) ?? 0) + 1);
  }

  #remove(hash: string): OpenSession | undefined {
    const session = this.#sessions.get(hash);
    if (session === undefined) return undefined;
    this.#sessions.delete(hash);
    const left = (this.#perUser.get(session.userUuid) ?? 1) - 1;
    if (left === 0) this.#perUser.delete(session.userUuid);
    else this.#perUser.set(session.userUuid, left);
    return session;
  }

  #endFirst(which: (session: OpenSession) => boolean): void {
    for (const [hash, session] of this.#sessions) {
      if (!which(session)) continue;
      this.#remove(hash);
      return;
    }
  }
}

export function hasCsrfToken(session: OpenSession, token: string): boolean {
  return timingSafeEqual(sha256(token), session.csrfHash);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function hashOf(id: string): string {
  return sha256(id).toString('base64');
}
