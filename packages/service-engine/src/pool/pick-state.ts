// The state of a pool as an algorithm reads it at one pick.

import type { PickState } from '../load-balancing/picker.ts';
import type { PoolRuntime } from './pool-runtime.ts';
import { responseMsOf } from './response-time.ts';
import type { ServerRuntime } from './server-runtime.ts';
import { shareOf } from './server-share.ts';

export function pickState(
  pool: PoolRuntime,
  eligible: (index: number) => boolean,
  load: (server: ServerRuntime) => number,
  key: number,
): PickState {
  const { servers, snapshot } = pool;
  const nowMs = pool.clock.monotonicMs();
  return {
    eligible,
    load: (index) => load(servers[index] as ServerRuntime),
    share: (index) => shareOf(servers[index] as ServerRuntime, snapshot.rampMs, nowMs),
    responseMs: (index) => {
      const { table, slot } = servers[index] as ServerRuntime;
      return responseMsOf(table, slot, nowMs);
    },
    key,
  };
}

/** Client connections that belong to the server. */
export function placedOn(server: ServerRuntime): number {
  return server.table.placed(server.slot);
}

/** Requests under way at the server. */
export function activeOn(server: ServerRuntime): number {
  return server.table.active(server.slot);
}
