// Limits of failed logins, per user and per address, so that passwords cannot be tried out, nor a user be locked out by others.

import type { Clock } from '../lifecycle/clock.ts';

/** Avi's account_lock_timeout. */
const LOCK_MS = 30 * 60_000;
/** Failures further apart do not add up. */
const WINDOW_MS = 30 * 60_000;
/** Avi's max_login_failure_count. */
const USER_FAILURES_MAX = 20;
/** Several people may come from one. */
const ADDRESS_FAILURES_MAX = 50;
/** Addresses of each kind that are remembered; the longest unused is forgotten. */
const ADDRESSES_MAX = 10_000;
const TRUSTED_PER_USER_MAX = 16;

interface Failures {
  count: number;
  lastMs: number;
}

export type LimitedBy = 'user' | 'address';

export class LoginLimits {
  readonly #clock: Clock;
  /** Of users that there are: whoever makes up names takes no memory here. */
  readonly #users = new Map<string, Failures>();
  readonly #addresses = new Map<string, Failures>();
  /** Where a user has logged in from: there, failures elsewhere lock nobody out. Newest last. */
  readonly #trusted = new Map<string, Set<string>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Addresses and users that are remembered. */
  get size(): number {
    return this.#users.size + this.#addresses.size + this.#trusted.size;
  }

  /** For how long the login is refused without a look at the password; 0 where it is not. */
  lockedMs(userUuid: string | undefined, address: string): number {
    const network = networkOf(address);
    const byAddress = this.#leftMs(this.#addresses.get(network), ADDRESS_FAILURES_MAX);
    if (userUuid === undefined || this.#trusted.get(userUuid)?.has(network)) return byAddress;
    return Math.max(byAddress, this.#leftMs(this.#users.get(userUuid), USER_FAILURES_MAX));
  }

  /** @returns what is locked from now on, to be told once. */
  failed(userUuid: string | undefined, address: string): LimitedBy | undefined {
    const network = networkOf(address);
    const count = this.#count(this.#addresses, network);
    if (this.#addresses.size > ADDRESSES_MAX) forgetFirst(this.#addresses);
    let locked: LimitedBy | undefined = count === ADDRESS_FAILURES_MAX ? 'address' : undefined;
    // What fails at a trusted address is held to the limit of the address alone.
    if (userUuid !== undefined && !this.#trusted.get(userUuid)?.has(network)) {
      if (this.#count(this.#users, userUuid) === USER_FAILURES_MAX) locked = 'user';
    }
    return locked;
  }

  succeeded(userUuid: string, address: string): void {
    const network = networkOf(address);
    this.#users.delete(userUuid);
    this.#addresses.delete(network);
    const trusted = this.#trusted.get(userUuid) ?? new Set();
    trusted.delete(network);
    trusted.add(network);
    if (trusted.size > TRUSTED_PER_USER_MAX) for (const oldest of trusted) if (trusted.delete(oldest)) break;
    this.#trusted.delete(userUuid);
    this.#trusted.set(userUuid, trusted);
    if (this.#trusted.size > ADDRESSES_MAX) forgetFirst(this.#trusted);
  }

  forgetUser(userUuid: string): void {
    this.#users.delete(userUuid);
    this.#trusted.delete(userUuid);
  }

  #count(failures: Map<string, Failures>, key: string): number {
    const nowMs = this.#clock.monotonicMs();
    const kept = failures.get(key);
    const count = kept === undefined || nowMs - kept.lastMs > WINDOW_MS ? 1 : kept.count + 1;
    failures.delete(key);
    failures.set(key, { count, lastMs: nowMs });
    return count;
  }

  #leftMs(failures: Failures | undefined, max: number): number {
    if (failures === undefined || failures.count < max) return 0;
    return Math.max(0, failures.lastMs + LOCK_MS - this.#clock.monotonicMs());
  }
}

/** One host of IPv6 has a /64 to choose addresses from. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1] as string;
  if (!address.includes(':')) return address;
  const [head = '', tail] = (address.split('%')[0] as string).toLowerCase().split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  const groups = [...first, ...new Array<string>(Math.max(0, zeros)).fill('0'), ...last];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

function forgetFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
