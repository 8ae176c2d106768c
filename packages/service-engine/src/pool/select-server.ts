// Choosing the server of a connection and of a request: persistence first, then what its profile says, then the algorithm.

import type { ErrorCode, Recovery, SignificanceCode } from '@limpet/model';
import type { ClientFingerprint } from '../load-balancing/client-key.ts';
import { NO_SERVER } from '../load-balancing/picker.ts';
import { selectFirstServer } from '../load-balancing/select-first-server.ts';
import { lookOf } from '../load-balancing/ticket-trail.ts';
import { NO_SERVER_ID, type ServerMapping } from '../session-ticket/server-mapping.ts';
import type { PoolRuntime } from './pool-runtime.ts';
import {
  isServerFull,
  isServerSuspect,
  isServerUp,
  type ServerRuntime,
  SUSPECT_MS,
} from './server-runtime.ts';

/** Where a connection belongs. */
export interface Placement {
  /** Undefined: nowhere yet; each request is balanced, or waits for a server to be there again. */
  readonly server: ServerRuntime | undefined;
  /** Whether all requests of the connection go to one server. */
  readonly bound: boolean;
  /** For records: `persistence`, `affinity`, `algorithm`, `replacement: server down`, … */
  readonly why: string;
  readonly affinityKey: number;
  /** Whether the client is where its ticket says. */
  readonly persistenceUsed: boolean;
}

/** Before a server was chosen. */
export const unplaced: Placement = Object.freeze({
  server: undefined,
  bound: false,
  why: '',
  affinityKey: 0,
  persistenceUsed: false,
});

/** What is known of a connection when its server is chosen. */
export interface ConnectionAsk {
  /** Of its ticket, if that was opened. */
  readonly mapping: ServerMapping | undefined;
  /** Bind the connection to one server even without persistence (connection_multiplexing_enabled off). */
  readonly bindConnection: boolean;
  readonly clientIp: string;
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
      readonly persistence: 'none';
      readonly failure: 'down';
      readonly significance: readonly SignificanceCode[];
    };

const NOTHING: readonly SignificanceCode[] = Object.freeze([]);

/** The server of a connection, chosen before its TLS handshake. Takes no place of a limit: a ticket proves nothing about its bearer. */
export function selectForConnection(pool: PoolRuntime, ask: ConnectionAsk): ConnectionSelection {
  const { persistence } = pool.snapshot;
  if (persistence.kind === 'none' && !ask.bindConnection) {
    return {
      kind: 'place',
      placement: unplaced,
      persistence: 'none',
      expiring: false,
      significance: NOTHING,
    };
  }
  const { mapping } = ask;
  if (persistence.kind === 'tls' && mapping !== undefined && mapping.serverId !== NO_SERVER_ID) {
    const server = pool.serversById.get(mapping.serverId);
    if (server !== undefined) {
      const selection = selectMapped(pool, server, mapping, persistence.recovery);
      leaveTrail(pool, ask, selection);
      return selection;
    }
    const first = selectFirst(pool, ask);
    return {
      ...first,
      failure: 'invalid',
      significance: ['ADF_PERSISTENCE_FAILURE_SERVER_INVALID', ...first.significance],
    };
  }
  return selectFirst(pool, ask);
}

/** The rows "down", "at its limit" and "disabled" of the table in docs/tls-persistence.md. */
function selectMapped(
  pool: PoolRuntime,
  server: ServerRuntime,
  { affinityKey }: ServerMapping,
  recovery: Recovery,
): ConnectionSelection {
  if (!server.snapshot.enabled) {
    return replace(
      pool,
      affinityKey,
      'replacement: server disabled',
      'invalid',
      'ADF_PERSISTENCE_FAILURE_SERVER_DISABLED',
    );
  }
  const up = isServerUp(server);
  const full = isServerFull(server, pool.snapshot.connectionLimitPerServer);
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
      return { kind: 'abort', persistence: 'none', failure: 'down', significance: [down] };
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
      return replace(pool, affinityKey, `replacement: ${cause}`, 'down', down);
  }
}

/** The weighted rendezvous choice of the affinity key: every engine and every parallel connection of the client chooses alike. */
function replace(
  pool: PoolRuntime,
  affinityKey: number,
  why: string,
  failure: 'down' | 'invalid',
  code: SignificanceCode,
): ConnectionSelection {
  const server = replacementFor(pool, affinityKey, (candidate) => canTake(pool, candidate));
  const placement: Placement = { server, bound: true, why, affinityKey, persistenceUsed: false };
  const significance: readonly SignificanceCode[] =
    server === undefined ? [code, 'ADF_LOAD_BALANCING_FAILED'] : [code, 'ADF_PERSISTENT_SERVER_CHANGE'];
  const persistence = server === undefined ? 'none' : 'changed';
  return { kind: 'place', placement, persistence, failure, expiring: false, significance };
}

/** For the connections of this client that come without a ticket: a browser makes more at once than it holds tickets. */
function leaveTrail(pool: PoolRuntime, ask: ConnectionAsk, selection: ConnectionSelection): void {
  if (selection.kind !== 'place' || selection.placement.server === undefined) return;
  const look = lookOf(ask.clientIp, ask.hello);
  pool.ticketTrail.leave(look, selection.placement.server.slot, pool.clock.unixMs());
}

function selectFirst(pool: PoolRuntime, ask: ConnectionAsk): ConnectionSelection & { kind: 'place' } {
  const nowMs = pool.clock.unixMs();
  const followed = pool.ticketTrail.follow(lookOf(ask.clientIp, ask.hello), nowMs);
  const choice = selectFirstServer({
    companion: followed < 0 ? NO_SERVER : pool.servers.findIndex(({ slot }) => slot === followed),
    fingerprint: ask.hello,
    clientIp: ask.clientIp,
    secret: ask.affinitySecret,
    nowMs,
    servers: pool.snapshot.servers,
    picker: pool.picker,
    rendezvous: pool.rendezvous,
    crowdCounter: pool.crowdCounter,
    eligible: eligibility(pool),
    load: (index) => placedOn(pool, index),
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

export type RequestChoice =
  | {
      readonly kind: 'server';
      readonly server: ServerRuntime;
      /** The server that the connection belongs to. */
      readonly bound: boolean;
      /** Not that server: the client has to reconnect for its entry to be switched. */
      readonly moved: boolean;
      /** Above the connection limit, since the profile says Never. */
      readonly overLimit: boolean;
      readonly why: string;
      readonly significance: readonly SignificanceCode[];
    }
  | { readonly kind: 'refuse'; readonly error: ErrorCode }
  | { readonly kind: 'reset' };

/**
 * The server of one request, with one of its places taken: give it back with {@link releaseRequest}.
 *
 * @param tried servers that this request has failed on.
 */
export function selectForRequest(
  pool: PoolRuntime,
  placement: Placement,
  tried: readonly ServerRuntime[],
): RequestChoice {
  const { persistence } = pool.snapshot;
  if (!placement.bound) return selectBalanced(pool, tried);
  const recovery = persistence.kind === 'tls' ? persistence.recovery : 'immediate';
  // A reload may have made a new object of the server, or none.
  const server = placement.server === undefined ? undefined : pool.serversById.get(placement.server.id);
  if (server === undefined || !server.snapshot.enabled) {
    const gone =
      server === undefined
        ? 'ADF_PERSISTENCE_FAILURE_SERVER_INVALID'
        : 'ADF_PERSISTENCE_FAILURE_SERVER_DISABLED';
    const why = placement.server === undefined ? 'first server available' : 'replacement: server disabled';
    return selectReplacement(pool, placement, tried, why, placement.server === undefined ? NOTHING : [gone]);
  }
  const limit = pool.snapshot.connectionLimitPerServer;
  if (recovery === 'never') {
    const within = server.table.tryAddActive(server.slot, limit);
    if (!within) server.table.tryAddActive(server.slot, 0);
    return stay(server, placement, !within);
  }
  const up = isServerUp(server);
  if (up && !hasTried(tried, server) && server.table.tryAddActive(server.slot, limit))
    return stay(server, placement, false);
  if (recovery === 'abort') return { kind: 'reset' };
  const why = `replacement: server ${!up ? 'down' : hasTried(tried, server) ? 'unreachable' : 'at limit'}`;
  return selectReplacement(pool, placement, tried, why, ['ADF_PERSISTENCE_FAILURE_SERVER_DOWN']);
}

/** Gives the place of a request back. */
export function releaseRequest(server: ServerRuntime): void {
  server.table.removeActive(server.slot);
}

/** Notes that a connection to the server could not be opened: for a while others are preferred. */
export function markConnectFailure(server: ServerRuntime, pool: PoolRuntime): void {
  server.table.markSuspect(server.slot, pool.clock.monotonicMs() + SUSPECT_MS);
}

function stay(server: ServerRuntime, placement: Placement, overLimit: boolean): RequestChoice {
  return {
    kind: 'server',
    server,
    bound: true,
    moved: false,
    overLimit,
    why: placement.why,
    significance: NOTHING,
  };
}

function selectReplacement(
  pool: PoolRuntime,
  placement: Placement,
  tried: readonly ServerRuntime[],
  why: string,
  significance: readonly SignificanceCode[],
): RequestChoice {
  const limit = pool.snapshot.connectionLimitPerServer;
  // Another worker may take the last place between the look and the taking: then the next in the order is asked.
  const refused: ServerRuntime[] = [...tried];
  for (let attempt = 0; attempt < pool.servers.length; attempt++) {
    const server = replacementFor(
      pool,
      placement.affinityKey,
      (candidate) => canTake(pool, candidate) && !hasTried(refused, candidate),
    );
    if (server === undefined) break;
    if (server.table.tryAddActive(server.slot, limit)) {
      return { kind: 'server', server, bound: false, moved: true, overLimit: false, why, significance };
    }
    refused.push(server);
  }
  return refuse(pool, tried);
}

/** A request of a connection that belongs to no server: the algorithm decides, by requests under way. */
function selectBalanced(pool: PoolRuntime, tried: readonly ServerRuntime[]): RequestChoice {
  const limit = pool.snapshot.connectionLimitPerServer;
  const usable = eligibility(pool);
  const refused: ServerRuntime[] = [...tried];
  const state = {
    eligible: (index: number) => usable(index) && !hasTried(refused, pool.servers[index] as ServerRuntime),
    load: (index: number) => activeOn(pool, index),
  };
  for (let attempt = 0; attempt < pool.servers.length; attempt++) {
    const index = pool.picker.pick(state);
    if (index === NO_SERVER) break;
    const server = pool.servers[index] as ServerRuntime;
    if (server.table.tryAddActive(server.slot, limit)) {
      return {
        kind: 'server',
        server,
        bound: false,
        moved: false,
        overLimit: false,
        why: 'algorithm',
        significance: NOTHING,
      };
    }
    refused.push(server);
  }
  return refuse(pool, tried);
}

function refuse(pool: PoolRuntime, tried: readonly ServerRuntime[]): RequestChoice {
  if (tried.length > 0) return { kind: 'refuse', error: 'SERVER_UNREACHABLE' };
  return { kind: 'refuse', error: pool.servers.some(isServerUp) ? 'SERVER_AT_LIMIT' : 'NO_SERVER_AVAILABLE' };
}

function canTake(pool: PoolRuntime, server: ServerRuntime): boolean {
  return isServerUp(server) && !isServerFull(server, pool.snapshot.connectionLimitPerServer);
}

/** Which servers can take something new; suspect ones only where there is no other. */
function eligibility(pool: PoolRuntime): (index: number) => boolean {
  const preferred = (server: ServerRuntime) => canTake(pool, server) && !isServerSuspect(server, pool.clock);
  const any = pool.servers.some(preferred) ? preferred : (server: ServerRuntime) => canTake(pool, server);
  return (index) => any(pool.servers[index] as ServerRuntime);
}

function replacementFor(
  pool: PoolRuntime,
  affinityKey: number,
  usable: (server: ServerRuntime) => boolean,
): ServerRuntime | undefined {
  const unsuspected = (server: ServerRuntime) => usable(server) && !isServerSuspect(server, pool.clock);
  for (const test of [unsuspected, usable]) {
    const index = pool.rendezvous.pick(affinityKey, 0, (at) => test(pool.servers[at] as ServerRuntime));
    if (index !== NO_SERVER) return pool.servers[index];
  }
  return undefined;
}

function anyOther(pool: PoolRuntime, server: ServerRuntime): boolean {
  return pool.servers.some(
    (other) => other !== server && canTake(pool, other) && !isServerSuspect(other, pool.clock),
  );
}

function hasTried(tried: readonly ServerRuntime[], server: ServerRuntime): boolean {
  return tried.some(({ id }) => id === server.id);
}

function placedOn(pool: PoolRuntime, index: number): number {
  const server = pool.servers[index] as ServerRuntime;
  return server.table.placed(server.slot);
}

function activeOn(pool: PoolRuntime, index: number): number {
  const server = pool.servers[index] as ServerRuntime;
  return server.table.active(server.slot);
}
