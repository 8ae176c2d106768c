// A server that the operator has disabled: whether clients that belong to it may still come, and what is left at it.

import type { PoolSnapshot, ServerSnapshot } from '@limpet/model';
import type { PoolRuntime } from './pool-runtime.ts';
import { isServerInMaintenance, type ServerRuntime } from './server-runtime.ts';

/** Whether clients that belong to the server come to it: while it is enabled, and where the pool says so, until its time is over. Never in maintenance. */
export function admitsPersisted({ snapshot }: PoolRuntime, server: ServerRuntime): boolean {
  if (isServerInMaintenance(server)) return false;
  return (
    server.snapshot.enabled ||
    (keepsPersisted(snapshot, server.snapshot) && !server.table.isDrained(server.slot))
  );
}

/** Whether disabling the server leaves its clients to it for a while (ALLOW_NEW_CONNECTION_IF_PERSISTENCE_PRESENT). */
export function keepsPersisted(
  { gracefulDisable, persistence }: PoolSnapshot,
  server: ServerSnapshot,
): boolean {
  return (
    !server.enabled &&
    persistence.kind !== 'none' &&
    gracefulDisable.keepsPersisted &&
    gracefulDisable.timeoutMs !== 0
  );
}
