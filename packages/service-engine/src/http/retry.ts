// Which requests may be sent a second time, how often, and what the persistence profile says to that.

import type { PersistenceSnapshot, Recovery } from '@limpet/model';
import type { UpstreamFailure } from './exchange.ts';

/** Servers that one request may try; each try can cost a connect timeout. */
export const ATTEMPTS_MAX = 3;
/** Beside the attempts on other servers. */
export const SAME_SERVER_RETRIES_MAX = 2;

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

/** Of a request whose attempt has failed. */
export interface Resendable {
  /** It has no effect that adds up, and nothing of its body is gone. */
  readonly mayResend: boolean;
  /** It is still there as it came. */
  readonly isWhole: boolean;
}

/** Whether the server is as well as it was, and can be asked again: it closed a connection that we kept, had enough of one that many share, or goes away in order. */
export function isUnharmed(failure: UpstreamFailure, { mayResend, isWhole }: Resendable): boolean {
  return (failure.staleConnection && mayResend) || (failure.notProcessed && isWhole);
}

/** What becomes of a request whose server has failed: its connection ends, it is refused, or another server is asked. */
export type AfterFailure = 'reset' | 'refuse-bound' | 'other-server' | 'refuse';

/** The row "unreachable during a request" of the table in docs/tls-persistence.md. */
export function afterServerFailure(
  failure: UpstreamFailure,
  recovery: Recovery | undefined,
  { mayResend, isWhole }: Resendable,
  serversTried: number,
): AfterFailure {
  const unreachable = failure.neverSent || failure.error === 'SERVER_CONNECTION_LOST';
  const isFree = recovery === undefined || recovery === 'immediate';
  // It has said again and again that it does not look at the request (RFC 9113 §8.7): another may.
  if (failure.notProcessed && isFree)
    return isWhole && serversTried < ATTEMPTS_MAX ? 'other-server' : 'refuse';
  if (!unreachable) return 'refuse';
  if (recovery === 'abort') return 'reset';
  if (recovery === 'never') return 'refuse-bound';
  const safe = failure.neverSent ? isWhole : mayResend;
  return safe && serversTried < ATTEMPTS_MAX ? 'other-server' : 'refuse';
}
