// Choosing the server of one request, and taking one of its places: the connection's server, a replacement, or the algorithm's choice.

import type { ErrorCode, FailAction, SignificanceCode } from '@limpet/model';
import { NO_SERVER } from '../load-balancing/picker.ts';
import {
  failActionOf,
  findServer,
  isPoolUp,
  limitActionOf,
  poolInService,
  UNAVAILABLE,
} from './backup-pools.ts';
import { admitsPersisted } from './disabled-server.ts';
import { canTake, eligibility, replacementFor } from './eligibility.ts';
import { activeOn, pickState } from './pick-state.ts';
import type { Placement } from './placement.ts';
import type { PoolRuntime } from './pool-runtime.ts';
import { isServerHealthy, type ServerRuntime } from './server-runtime.ts';
import { takeExtraPlace, takePlace } from './take-place.ts';

const NOTHING: readonly SignificanceCode[] = Object.freeze([]);
const NO_TICKET = (): number => 0;

export type RequestChoice =
  | {
      readonly kind: 'server';
      readonly server: ServerRuntime;
      /** Its pool: that of the virtual service, or a backup of it. */
      readonly pool: PoolRuntime;
      /** The server that the connection belongs to. */
      readonly bound: boolean;
      /** Not that server: the client has to reconnect for its entry to be switched. */
      readonly moved: boolean;
      /** Above the connection limit, since the profile says Never. */
      readonly overLimit: boolean;
      readonly why: string;
      readonly significance: readonly SignificanceCode[];
    }
  | {
      /** Every place is taken: the request may wait for one in the queue of that pool. */
      readonly kind: 'wait';
      readonly pool: PoolRuntime;
      /** Undefined: at any server. */
      readonly server: ServerRuntime | undefined;
    }
  | {
      readonly kind: 'refuse';
      readonly error: ErrorCode;
      /** What the configuration says to answer. */
      readonly failAction: FailAction;
    }
  | { readonly kind: 'reset'; readonly error: ErrorCode };

/**
 * The server of one request, with one of its places taken: give it back with {@link givePlaceBack}.
 *
 * @param tried servers that this request has failed on.
 * @param ticketIn its ticket in the queue of a pool where it waits; 0: it does not wait there.
 */
export function selectForRequest(
  primary: PoolRuntime,
  placement: Placement,
  tried: readonly ServerRuntime[],
  ticketIn: (pool: PoolRuntime) => number = NO_TICKET,
): RequestChoice {
  if (!placement.bound) {
    const serving = poolInService(primary);
    const choice =
      serving === undefined ? undefined : selectBalanced(serving, placement, tried, ticketIn(serving));
    return choice ?? refuse(primary, serving, tried);
  }
  // A reload may have made a new object of the server, or none.
  const found = placement.server === undefined ? undefined : findServer(primary, placement.server.id);
  const pool = found?.pool ?? primary;
  const server = found?.server;
  const { persistence } = pool.snapshot;
  const recovery =
    persistence.kind === 'none' || placement.mayMove === true ? 'immediate' : persistence.recovery;
  if (server === undefined || !admitsPersisted(pool, server)) {
    const gone =
      server === undefined
        ? 'ADF_PERSISTENCE_FAILURE_SERVER_INVALID'
        : 'ADF_PERSISTENCE_FAILURE_SERVER_DISABLED';
    const cause = server?.snapshot.enabled === true ? 'in maintenance' : 'disabled';
    const why = placement.server === undefined ? 'first server available' : `replacement: server ${cause}`;
    const significance: readonly SignificanceCode[] = placement.server === undefined ? NOTHING : [gone];
    return selectReplacement(primary, pool, placement, tried, ticketIn, why, significance);
  }
  const up = isServerHealthy(server);
  if (recovery === 'never' || (up && !hasTried(tried, server))) {
    if (takePlace(pool, server, ticketIn(pool))) return stay(pool, server, placement, false);
    // Not moved: the client belongs here, and its place will come.
    if (mayWait(pool, tried)) return { kind: 'wait', pool, server };
  }
  if (recovery === 'never') {
    takeExtraPlace(server);
    return stay(pool, server, placement, true);
  }
  if (recovery === 'abort') return { kind: 'reset', error: 'PERSISTENT_SERVER_DOWN' };
  const why = `replacement: server ${!up ? 'down' : hasTried(tried, server) ? 'unreachable' : 'at limit'}`;
  return selectReplacement(primary, pool, placement, tried, ticketIn, why, [
    'ADF_PERSISTENCE_FAILURE_SERVER_DOWN',
  ]);
}

function stay(
  pool: PoolRuntime,
  server: ServerRuntime,
  placement: Placement,
  overLimit: boolean,
): RequestChoice {
  return {
    kind: 'server',
    server,
    pool,
    bound: true,
    moved: false,
    overLimit,
    why: placement.why,
    significance: NOTHING,
  };
}

/** Of the connection's own pool while that is up, else of the one that serves. */
function selectReplacement(
  primary: PoolRuntime,
  own: PoolRuntime,
  placement: Placement,
  tried: readonly ServerRuntime[],
  ticketIn: (pool: PoolRuntime) => number,
  why: string,
  significance: readonly SignificanceCode[],
): RequestChoice {
  const pool = isPoolUp(own) ? own : poolInService(primary);
  if (pool === undefined) return refuse(primary, undefined, tried);
  const ticket = ticketIn(pool);
  // Another worker may take the last place between the look and the taking: then the next in the order is asked.
  const refused: ServerRuntime[] = [...tried];
  for (let attempt = 0; attempt < pool.servers.length; attempt++) {
    const server = replacementFor(
      pool,
      placement.affinityKey,
      (candidate) => canTake(pool, candidate) && !hasTried(refused, candidate),
    );
    if (server === undefined) break;
    if (takePlace(pool, server, ticket)) {
      return { kind: 'server', server, pool, bound: false, moved: true, overLimit: false, why, significance };
    }
    refused.push(server);
  }
  return refuse(primary, pool, tried);
}

/** A request of a connection that belongs to no server: the algorithm decides, by requests under way. */
function selectBalanced(
  pool: PoolRuntime,
  { affinityKey }: Placement,
  tried: readonly ServerRuntime[],
  ticket: number,
): RequestChoice | undefined {
  const usable = eligibility(pool);
  const refused: ServerRuntime[] = [...tried];
  const eligible = (index: number) =>
    usable(index) && !hasTried(refused, pool.servers[index] as ServerRuntime);
  const state = pickState(pool, eligible, activeOn, affinityKey);
  for (let attempt = 0; attempt < pool.servers.length; attempt++) {
    const index = pool.picker.pick(state);
    if (index === NO_SERVER) break;
    const server = pool.servers[index] as ServerRuntime;
    if (takePlace(pool, server, ticket)) {
      return {
        kind: 'server',
        server,
        pool,
        bound: false,
        moved: false,
        overLimit: false,
        why: 'algorithm',
        significance: NOTHING,
      };
    }
    refused.push(server);
  }
  return undefined;
}

/** @param serving the pool that had no place left; undefined: none is up. */
function refuse(
  primary: PoolRuntime,
  serving: PoolRuntime | undefined,
  tried: readonly ServerRuntime[],
): RequestChoice {
  if (tried.length > 0) return { kind: 'refuse', error: 'SERVER_UNREACHABLE', failAction: UNAVAILABLE };
  if (serving !== undefined) {
    if (mayWait(serving, tried)) return { kind: 'wait', pool: serving, server: undefined };
    return { kind: 'refuse', error: 'SERVER_AT_LIMIT', failAction: limitActionOf(serving) };
  }
  const failAction = failActionOf(primary);
  if (failAction.kind === 'close') return { kind: 'reset', error: 'NO_SERVER_AVAILABLE' };
  return { kind: 'refuse', error: 'NO_SERVER_AVAILABLE', failAction };
}

/** A request that has failed on a server has waited enough. */
function mayWait({ snapshot }: PoolRuntime, tried: readonly ServerRuntime[]): boolean {
  return snapshot.requestQueue !== undefined && tried.length === 0;
}

function hasTried(tried: readonly ServerRuntime[], server: ServerRuntime): boolean {
  return tried.some(({ id }) => id === server.id);
}
