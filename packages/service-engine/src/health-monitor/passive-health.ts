// Passive health: what the outcomes of clients' own requests say about a server. It lowers the share of one that fails often, and never marks it down.

import type { PoolSnapshot, ServerSnapshot } from '@limpet/model';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';

/** What is left of the share of a server that fails often. */
export const FAILING_SHARE = 0.25;

const LOOK_MS = 1000;
/** What happened this long ago counts for a third. */
const MEMORY_MS = 10_000;
const KEPT = Math.exp(-LOOK_MS / MEMORY_MS);
/** Fewer failures than this say nothing. */
const FAILURES_MIN = 3;
/** The part of requests that has to fail before the share is lowered, and that must not fail any more before it is given back. */
const FAILING_FROM = 0.2;
const FAILING_UNTIL = 0.1;

/** Since the server has its slot. */
export interface OutcomeCounts {
  readonly requests: number;
  /** No connection, connection lost, malformed, too late; 502, 503 and 504. */
  readonly failures: number;
}

export interface PassiveState {
  readonly requests: number;
  readonly failures: number;
  readonly failing: boolean;
}

export const initialPassive: PassiveState = Object.freeze({ requests: 0, failures: 0, failing: false });

/** The state after one more second with these requests and failures in it. */
export function nextPassive(state: PassiveState, { requests, failures }: OutcomeCounts): PassiveState {
  const all = state.requests * KEPT + requests;
  const bad = state.failures * KEPT + failures;
  const failing = state.failing
    ? bad >= 1 && bad >= FAILING_UNTIL * all
    : bad >= FAILURES_MIN && bad >= FAILING_FROM * all;
  return { requests: all, failures: bad, failing };
}

export interface PassiveTransition {
  readonly pool: PoolSnapshot;
  readonly server: ServerSnapshot;
  readonly failing: boolean;
}

export interface PassiveServices {
  readonly deadlines: Deadlines;
  /** It stays the same for as long as the server is configured. */
  readonly slotOf: (poolUuid: string, serverId: string) => number | undefined;
  /** Over all workers. */
  readonly countsOf: (slot: number) => OutcomeCounts;
  readonly onTransition: (transition: PassiveTransition) => void;
}

interface Watched {
  readonly server: ServerSnapshot;
  readonly slot: number;
  state: PassiveState;
  counted: OutcomeCounts;
}

interface WatchedPool {
  readonly pool: PoolSnapshot;
  /** By server. */
  readonly servers: ReadonlyMap<string, Watched>;
}

/** Below that, what is left of former requests tells nothing. */
const FORGOTTEN = 0.01;

/**
 * Looks once a second at what the workers have counted anyway: requests pay nothing for it, and workers agree. A server that is left a quarter still gets requests, so it
 * recovers by itself; one that gets none is forgiven after a while.
 */
export class PassiveHealth {
  readonly #services: PassiveServices;
  #pools = new Map<string, WatchedPool>();
  #deadline: Deadline | undefined;

  constructor(services: PassiveServices) {
    this.#services = services;
  }

  /** Watches the servers of these pools, as far as they have inline_health_monitor; others have their whole share again. */
  apply(pools: readonly PoolSnapshot[]): void {
    const former = this.#pools;
    this.#pools = new Map();
    for (const pool of pools) {
      if (!pool.passiveHealth) continue;
      const known = former.get(pool.uuid);
      // Of a thousand pools one change concerns one.
      const isSame = known?.pool === pool;
      this.#pools.set(pool.uuid, isSame ? known : { pool, servers: this.#watched(pool, known) });
    }
    for (const [uuid, { pool, servers }] of former) this.#giveBack(pool, servers, this.#pools.get(uuid));
    if (this.#pools.size === 0) this.stop();
    else this.#deadline ??= this.#services.deadlines.start(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }

  #watched(pool: PoolSnapshot, former: WatchedPool | undefined): ReadonlyMap<string, Watched> {
    const { slotOf, countsOf } = this.#services;
    const servers = new Map<string, Watched>();
    for (const server of pool.servers) {
      const known = former?.servers.get(server.id);
      if (known !== undefined) {
        servers.set(server.id, { ...known, server });
        continue;
      }
      const slot = slotOf(pool.uuid, server.id);
      if (slot !== undefined)
        servers.set(server.id, { server, slot, state: initialPassive, counted: countsOf(slot) });
    }
    return servers;
  }

  /** Their share to those that are watched no more. */
  #giveBack(pool: PoolSnapshot, former: ReadonlyMap<string, Watched>, now: WatchedPool | undefined): void {
    if (former === now?.servers) return;
    for (const { server, state } of former.values())
      if (state.failing && now?.servers.has(server.id) !== true)
        this.#services.onTransition({ pool, server, failing: false });
  }

  #look(): void {
    for (const { pool, servers } of this.#pools.values())
      for (const watched of servers.values()) this.#lookAt(pool, watched);
    this.#deadline?.restart();
  }

  #lookAt(pool: PoolSnapshot, watched: Watched): void {
    const { server, slot, state, counted } = watched;
    const now = this.#services.countsOf(slot);
    const requests = Math.max(0, now.requests - counted.requests);
    const failures = Math.max(0, now.failures - counted.failures);
    watched.counted = now;
    // Most servers of a large configuration have had no request in this second, nor lately.
    if (requests === 0 && failures === 0 && state === initialPassive) return;
    const next = nextPassive(state, { requests, failures });
    watched.state = !next.failing && next.requests < FORGOTTEN ? initialPassive : next;
    if (next.failing !== state.failing) this.#services.onTransition({ pool, server, failing: next.failing });
  }
}
