// Which servers of a pool can take something new, and which one stands in for another.

import { NO_SERVER } from '../load-balancing/picker.ts';
import type { PoolRuntime } from './pool-runtime.ts';
import {
  isServerFull,
  isServerSuspect,
  isServerUp,
  type ServerRuntime,
  SUSPECT_MS,
} from './server-runtime.ts';
import { shareOf } from './server-share.ts';

/** Whether the server is up and has a place left. */
export function canTake(pool: PoolRuntime, server: ServerRuntime): boolean {
  return isServerUp(server) && !isServerFull(server, pool.snapshot.connectionLimitPerServer);
}

/** Which servers can take something new; suspect ones only where there is no other. */
export function eligibility(
  pool: PoolRuntime,
  usable = (server: ServerRuntime): boolean => canTake(pool, server),
): (index: number) => boolean {
  const { servers } = pool;
  // One look at the clock, not one a server: this is asked of every server for every request.
  const nowMs = pool.clock.monotonicMs();
  const preferred = (server: ServerRuntime): boolean =>
    usable(server) && !server.table.isSuspect(server.slot, nowMs);
  const any = servers.some(preferred) ? preferred : usable;
  return (index) => any(servers[index] as ServerRuntime);
}

/** Which servers a client can be placed on: where requests may wait and every place is taken, all that are up. */
export function placeable(pool: PoolRuntime): (server: ServerRuntime) => boolean {
  const hasPlace = (server: ServerRuntime): boolean => canTake(pool, server);
  return pool.snapshot.requestQueue === undefined || pool.servers.some(hasPlace) ? hasPlace : isServerUp;
}

/** The weighted rendezvous choice of the affinity key: every engine and every parallel connection of the client chooses alike. */
export function replacementFor(
  pool: PoolRuntime,
  affinityKey: number,
  usable: (server: ServerRuntime) => boolean,
): ServerRuntime | undefined {
  const unsuspected = (server: ServerRuntime) => usable(server) && !isServerSuspect(server, pool.clock);
  const nowMs = pool.clock.monotonicMs();
  const share = (at: number) => shareOf(pool.servers[at] as ServerRuntime, pool.snapshot.rampMs, nowMs);
  for (const test of [unsuspected, usable]) {
    const eligible = (at: number) => test(pool.servers[at] as ServerRuntime);
    const index = pool.rendezvous.pick(affinityKey, 0, eligible, share);
    if (index !== NO_SERVER) return pool.servers[index];
  }
  return undefined;
}

/** Whether there is another server that can take something and is not suspect. */
export function anyOther(pool: PoolRuntime, server: ServerRuntime): boolean {
  return pool.servers.some(
    (other) => other !== server && canTake(pool, other) && !isServerSuspect(other, pool.clock),
  );
}

/** Notes that a connection to the server could not be opened: for a while others are preferred. */
export function markConnectFailure(server: ServerRuntime, pool: PoolRuntime): void {
  server.table.markSuspect(server.slot, pool.clock.monotonicMs() + SUSPECT_MS);
}
