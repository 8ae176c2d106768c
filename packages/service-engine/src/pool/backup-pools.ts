// Backup pools: which pool of a chain serves, and what happens where none does.

import type { FailAction } from '@limpet/model';
import type { PoolRuntime } from './pool-runtime.ts';
import { isServerUp, type ServerRuntime } from './server-runtime.ts';

/** Nothing is configured: an error as any other. */
export const UNAVAILABLE: FailAction = Object.freeze({ kind: 'unavailable' });

/** Whether as many of its servers are up as the pool asks for (min_servers_up, at least one). That all are at their limit is no failure of the pool. */
export function isPoolUp({ servers, snapshot }: PoolRuntime): boolean {
  let missing = Math.max(1, snapshot.minServersUp);
  for (const server of servers) if (isServerUp(server) && --missing === 0) return true;
  return false;
}

/** The pool itself, or the first of its backups that is up where it is not; undefined where none is. Chains end: validation sees to that. */
export function poolInService(primary: PoolRuntime): PoolRuntime | undefined {
  for (let pool: PoolRuntime | undefined = primary; pool !== undefined; pool = pool.backup) {
    if (isPoolUp(pool)) return pool;
  }
  return undefined;
}

export interface ServerOfPool {
  readonly pool: PoolRuntime;
  readonly server: ServerRuntime;
}

/** A server by the id that tickets name it by, which is another one in each pool. */
export function findServer(primary: PoolRuntime, id: number): ServerOfPool | undefined {
  for (let pool: PoolRuntime | undefined = primary; pool !== undefined; pool = pool.backup) {
    const server = pool.serversById.get(id);
    if (server !== undefined) return { pool, server };
  }
  return undefined;
}

/** Whether the clients of this backup pool are to go elsewhere with their next connection: a pool before it is up again, or it is down and one after it is not. */
export function isRelieved(primary: PoolRuntime, pool: PoolRuntime): boolean {
  if (pool === primary) return false;
  const serving = poolInService(primary);
  return serving !== undefined && serving !== pool;
}

/** What the last pool of the chain says to do where none is up. */
export function failActionOf(primary: PoolRuntime): FailAction {
  let pool = primary;
  while (pool.backup !== undefined) pool = pool.backup;
  return pool.snapshot.failAction;
}

/** What is answered where the pool is up, and every place at its servers is taken. Nothing but an answer: docs/decisions/0026-fail-action-at-the-limit.md. */
export function limitActionOf({ snapshot: { failAction } }: PoolRuntime): FailAction {
  return failAction.kind === 'respond' || failAction.kind === 'redirect' ? failAction : UNAVAILABLE;
}

/** Whether connections are to be closed now (FAIL_ACTION_CLOSE_CONN). */
export function closesConnections(primary: PoolRuntime): boolean {
  return failActionOf(primary).kind === 'close' && poolInService(primary) === undefined;
}
