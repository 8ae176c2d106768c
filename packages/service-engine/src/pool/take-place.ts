// Taking one of a server's places, and giving it back: the only way to either.

import type { PoolRuntime } from './pool-runtime.ts';
import type { ServerRuntime } from './server-runtime.ts';

/**
 * False: every place is taken, or those who wait come first.
 *
 * @param ticket of a request that waits; 0: it is new.
 */
export function takePlace(pool: PoolRuntime, { table, slot }: ServerRuntime, ticket: number): boolean {
  if (pool.snapshot.requestQueue !== undefined && pool.queue.isAwaited(slot, ticket)) return false;
  return table.tryAddActive(slot, pool.snapshot.connectionLimitPerServer);
}

/** Above the limit, if need be. */
export function takeExtraPlace({ table, slot }: ServerRuntime): void {
  table.tryAddActive(slot, 0);
}

/** The pool's queue is asked by its runtime of whatever age: the queue is the same through all reloads. */
export function givePlaceBack(pool: PoolRuntime, { table, slot }: ServerRuntime): void {
  table.removeActive(slot);
  pool.queue.released(slot);
}
