// The chain of a pool and its backups.

import type { AviObject, ObjectSet } from './objects/schemas.ts';
import { findReferenced } from './references.ts';

/** The pool that takes over while this one is down, where there is one. */
export function backupOf(
  { fail_action }: AviObject<'Pool'>,
  objects: ObjectSet,
): AviObject<'Pool'> | undefined {
  if (fail_action?.type !== 'FAIL_ACTION_BACKUP_POOL' || fail_action.backup_pool === undefined)
    return undefined;
  return findReferenced(objects.Pool, fail_action.backup_pool.backup_pool_ref);
}

/** The pool and its backups, each once, in the order in which they are asked. */
export function poolChain(pool: AviObject<'Pool'>, objects: ObjectSet): readonly AviObject<'Pool'>[] {
  const chain = new Set<AviObject<'Pool'>>();
  for (
    let at: AviObject<'Pool'> | undefined = pool;
    at !== undefined && !chain.has(at);
    at = backupOf(at, objects)
  )
    chain.add(at);
  return [...chain];
}
