// Choosing the server of a client: its entry first, then what the persistence profile says, then the algorithm.

import type { ErrorCode, Recovery, SignificanceCode } from '@limpet/model';
import { addressKeyOf, type ClientFingerprint } from '../load-balancing/client-key.ts';
import { NO_SERVER } from '../load-balancing/picker.ts';
import { selectFirstServer } from '../load-balancing/select-first-server.ts';
import { lookOf } from '../load-balancing/ticket-trail.ts';
import type { ClientMapping } from '../persistence/method.ts';
import { NO_SERVER_ID } from '../session-ticket/server-mapping.ts';
import {
  closesConnections,
  failActionOf,
  findServer,
  isPoolUp,
  isRelieved,
  poolInService,
  type ServerOfPool,
} from './backup-pools.ts';
import { admitsPersisted } from './disabled-server.ts';
import { anyOther, eligibility, placeable, replacementFor } from './eligibility.ts';
import { pickState, placedOn } from './pick-state.ts';
import { type Placement, unplaced } from './placement.ts';
import type { PoolRuntime } from './pool-runtime.ts';
import { isServerFull, isServerHealthy, isServerSuspect } from './server-runtime.ts';

/** What is known of a client when its server is chosen. */
export interface ConnectionAsk {
  /** What it carries, if that was opened. */
  readonly mapping: ClientMapping | undefined;
  /** Bind the connection to one server even without persistence (connection_multiplexing_enabled off). */
  readonly bindConnection: boolean;
  readonly clientIp: string;
  readonly clientPort: number;
  readonly hello: ClientFingerprint | undefined;
  readonly affinitySecret: Buffer;
}

export type ConnectionSelection =
  | {
      readonly kind: 'place';
      readonly placement: Placement;
      readonly persistence: 'none' | 'hit' | 'new' | 'changed';
      readonly failure?: 'down' | 'invalid';
      /** The entry must expire normally: its server cannot be used and the profile says Never. */
      readonly expiring: boolean;
      readonly significance: readonly SignificanceCode[];
    }
  | {
      readonly kind: 'abort';
      readonly error: ErrorCode;
      readonly persistence: 'none';
      /** Absent where it is not the client's own server that is down, but every one. */
      readonly failure?: 'down';
      readonly significance: readonly SignificanceCode[];
    };

const NOTHING: readonly SignificanceCode[] = Object.freeze([]);

/** No pool is up, and the last one says FAIL_ACTION_CLOSE_CONN. */
const closed: ConnectionSelection & { kind: 'abort' } = Object.freeze({
  kind: 'abort',
  error: 'NO_SERVER_AVAILABLE',
  persistence: 'none',
  significance: Object.freeze(['ADF_LOAD_BALANCING_FAILED'] as const),
});

/** The server of a connection, chosen before its TLS handshake. Takes no place of a limit: a ticket proves nothing about its bearer. */
export function selectForConnection(pool: PoolRuntime, ask: ConnectionAsk): ConnectionSelection {
  const { kind } = pool.snapshot.persistence;
  // A cookie comes with each request, and places that.
  if (kind === 'http-cookie' || (kind === 'none' && !ask.bindConnection)) {
    if (closesConnections(pool)) return closed;
    const key = hashKeyOf(pool, ask);
    return {
      kind: 'place',
      placement: key === 0 ? unplaced : { ...unplaced, affinityKey: key },
      persistence: 'none',
      expiring: false,
      significance: NOTHING,
    };
  }
  return selectForClient(pool, ask);
}

/** The server that the entry of a client leads to, by whatever method it was carried; without one, by the rule for first connections. */
export function selectForClient(primary: PoolRuntime, ask: ConnectionAsk): ConnectionSelection {
  const { mapping } = ask;
  if (
    primary.snapshot.persistence.kind !== 'none' &&
    mapping !== undefined &&
    mapping.serverId !== NO_SERVER_ID
  ) {
    const found = findServer(primary, mapping.serverId);
    if (found !== undefined) {
      const selection = isRelieved(primary, found.pool)
        ? replace(primary, found.pool, mapping.affinityKey, 'pool recovered', undefined, undefined)
        : selectMapped(primary, found, mapping);
      leaveTrail(primary, ask, selection);
      return selection;
    }
    const first = selectFirst(primary, ask);
    if (first.kind === 'abort') return first;
    return {
      ...first,
      failure: 'invalid',
      significance: ['ADF_PERSISTENCE_FAILURE_SERVER_INVALID', ...first.significance],
    };
  }
  return selectFirst(primary, ask);
}

/** The rows "down", "at its limit" and "disabled" of the table in docs/tls-persistence.md. */
function selectMapped(
  primary: PoolRuntime,
  { pool, server }: ServerOfPool,
  { affinityKey }: ClientMapping,
): ConnectionSelection {
  const recovery = recoveryIn(pool);
  if (!admitsPersisted(pool, server)) {
    return replace(
      primary,
      pool,
      affinityKey,
      server.snapshot.enabled ? 'replacement: server in maintenance' : 'replacement: server disabled',
      'invalid',
      'ADF_PERSISTENCE_FAILURE_SERVER_DISABLED',
    );
  }
  const up = isServerHealthy(server);
  // Where requests may wait, they wait for their own server.
  const full =
    pool.snapshot.requestQueue === undefined && isServerFull(server, pool.snapshot.connectionLimitPerServer);
  const avoid = recovery === 'immediate' && isServerSuspect(server, pool.clock) && anyOther(pool, server);
  if (up && !full && !avoid) {
    const placement: Placement = {
      server,
      bound: true,
      why: 'persistence',
      affinityKey,
      persistenceUsed: true,
    };
    return { kind: 'place', placement, persistence: 'hit', expiring: false, significance: NOTHING };
  }
  const cause = up && full ? 'server at limit' : up ? 'server unreachable' : 'server down';
  const down: SignificanceCode = 'ADF_PERSISTENCE_FAILURE_SERVER_DOWN';
  switch (recovery) {
    case 'abort':
      return {
        kind: 'abort',
        error: 'PERSISTENT_SERVER_DOWN',
        persistence: 'none',
        failure: 'down',
        significance: [down],
      };
    case 'never': {
      const why = `persistence: ${cause}`;
      const placement: Placement = { server, bound: true, why, affinityKey, persistenceUsed: true };
      return {
        kind: 'place',
        placement,
        persistence: 'hit',
        failure: 'down',
        expiring: true,
        significance: [down],
      };
    }
    case 'immediate':
      return replace(primary, pool, affinityKey, `replacement: ${cause}`, 'down', down);
  }
}

/** Another server for a client: of the same pool while that is up, else of the one that serves. */
function replace(
  primary: PoolRuntime,
  own: PoolRuntime,
  affinityKey: number,
  why: string,
  failure: 'down' | 'invalid' | undefined,
  code: SignificanceCode | undefined,
): ConnectionSelection {
  const pool = isPoolUp(own) && !isRelieved(primary, own) ? own : poolInService(primary);
  if (pool === undefined && failActionOf(primary).kind === 'close') return closed;
  const server = pool === undefined ? undefined : replacementFor(pool, affinityKey, placeable(pool));
  const placement: Placement = { server, bound: true, why, affinityKey, persistenceUsed: false };
  const outcome: SignificanceCode =
    server === undefined ? 'ADF_LOAD_BALANCING_FAILED' : 'ADF_PERSISTENT_SERVER_CHANGE';
  return {
    kind: 'place',
    placement,
    persistence: server === undefined ? 'none' : 'changed',
    ...(failure === undefined ? {} : { failure }),
    expiring: false,
    significance: code === undefined ? [outcome] : [code, outcome],
  };
}

/** A pool without a profile of its own, which stands in for one that has one, moves its clients. */
function recoveryIn({ snapshot: { persistence } }: PoolRuntime): Recovery {
  return persistence.kind === 'none' ? 'immediate' : persistence.recovery;
}

/** For the connections of this client that come without a ticket: a browser makes more at once than it holds tickets. */
function leaveTrail(pool: PoolRuntime, ask: ConnectionAsk, selection: ConnectionSelection): void {
  if (selection.kind !== 'place' || selection.placement.server === undefined) return;
  const look = lookOf(ask.clientIp, ask.hello);
  pool.ticketTrail.leave(look, selection.placement.server.slot, pool.clock.unixMs());
}

function selectFirst(primary: PoolRuntime, ask: ConnectionAsk): ConnectionSelection {
  if (closesConnections(primary)) return closed;
  const serving = poolInService(primary);
  const pool = serving ?? primary;
  const eligible = serving === undefined ? () => false : eligibility(serving, placeable(serving));
  const nowMs = pool.clock.unixMs();
  const followed = pool.ticketTrail.follow(lookOf(ask.clientIp, ask.hello), nowMs);
  const choice = selectFirstServer({
    companion: followed < 0 ? NO_SERVER : pool.servers.findIndex(({ slot }) => slot === followed),
    fingerprint: ask.hello,
    clientIp: ask.clientIp,
    secret: ask.affinitySecret,
    nowMs,
    ratios: pool.ratios,
    picker: pool.picker,
    rendezvous: pool.rendezvous,
    crowdCounter: pool.crowdCounter,
    ...pickState(pool, eligible, placedOn, hashKeyOf(pool, ask)),
  });
  const server = choice.index === NO_SERVER ? undefined : pool.servers[choice.index];
  const placement: Placement = {
    server,
    bound: true,
    why: server === undefined ? 'no server available' : choice.why,
    affinityKey: choice.affinityKey,
    persistenceUsed: false,
  };
  return {
    kind: 'place',
    placement,
    persistence: server === undefined ? 'none' : 'new',
    expiring: false,
    significance: server === undefined ? ['ADF_LOAD_BALANCING_FAILED'] : NOTHING,
  };
}

/** What the operator hashes clients by; 0 where nothing is hashed. */
function hashKeyOf(pool: PoolRuntime, { affinitySecret, clientIp, clientPort }: ConnectionAsk): number {
  const { hash } = pool.snapshot;
  if (hash === undefined) return 0;
  return addressKeyOf(affinitySecret, clientIp, hash === 'address-and-port' ? clientPort : undefined);
}
