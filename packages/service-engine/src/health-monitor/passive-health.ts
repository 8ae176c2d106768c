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
  /** Over all workers; undefined where the server has no slot any more. */
  readonly countsOf: (pool: PoolSnapshot, server: ServerSnapshot) => OutcomeCounts | undefined;
  readonly onTransition: (transition: PassiveTransition) => void;
}

interface Watched {
  pool: PoolSnapshot;
  server: ServerSnapshot;
  state: PassiveState;
  counted: OutcomeCounts;
}

/**
 * Looks once a second at what the workers have counted anyway: requests pay nothing for it, and workers agree. A server that is left a quarter still gets requests, so it
 * recovers by itself; one that gets none is forgiven after a while.
 */
export class PassiveHealth {
  readonly #services: PassiveServices;
  #servers = new Map<string, Watched>();
  #deadline: Deadline | undefined;

  constructor(services: PassiveServices) {
    this.#services = services;
  }

  /** Watches the servers of these pools, as far as they have inline_health_monitor; others have their whole share again. */
  apply(pools: readonly PoolSnapshot[]): void {
    const former = this.#servers;
    this.#servers = new Map();
    for (const pool of pools) {
      if (!pool.passiveHealth) continue;
      for (const server of pool.servers) {
        const key = `${pool.uuid}/${server.id}`;
        const known = former.get(key);
        former.delete(key);
        const counted = this.#services.countsOf(pool, server) ?? { requests: 0, failures: 0 };
        this.#servers.set(
          key,
          known === undefined ? { pool, server, state: initialPassive, counted } : { ...known, pool, server },
        );
      }
    }
    for (const { pool, server, state } of former.values()) {
      if (state.failing) this.#services.onTransition({ pool, server, failing: false });
    }
    if (this.#servers.size === 0) this.stop();
    else this.#deadline ??= this.#services.deadlines.start(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }

  #look(): void {
    for (const watched of this.#servers.values()) {
      const { pool, server, state, counted } = watched;
      const now = this.#services.countsOf(pool, server);
      if (now === undefined) continue;
      watched.counted = now;
      watched.state = nextPassive(state, {
        requests: Math.max(0, now.requests - counted.requests),
        failures: Math.max(0, now.failures - counted.failures),
      });
      const { failing } = watched.state;
      if (failing !== state.failing) this.#services.onTransition({ pool, server, failing });
    }
    this.#deadline?.restart();
  }
}
