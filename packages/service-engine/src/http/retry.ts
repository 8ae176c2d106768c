// Which requests may be sent a second time, how often, and what the persistence profile says to that.

import type { PersistenceSnapshot, Recovery } from '@limpet/model';

/** Servers that one request may try; each try can cost a connect timeout. */
export const ATTEMPTS_MAX = 3;

// RFC 9110 §9.2.2: PUT, DELETE and the safe methods. TRACE is left out: nobody retries it and it reflects credentials.
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Whether sending the request twice does what sending it once does. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/** How the profile wants a failing server met; undefined where there is none. A request that left its server, or may, moves on. */
export function recoveryOf(persistence: PersistenceSnapshot, isHeld: boolean): Recovery | undefined {
  if (persistence.kind === 'none') return undefined;
  return isHeld ? persistence.recovery : 'immediate';
}
