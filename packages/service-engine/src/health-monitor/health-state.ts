// The health state of one server: under one monitor three fields and one function, over all its monitors one more.

export type HealthVerdict = 'checking' | 'up' | 'down' | 'maintenance';

/** `maintenance`: the server answered, and said that it is not to be used now. `unknown`: it could not be asked, for a reason of ours. */
export type CheckOutcome = 'ok' | 'failed' | 'maintenance' | 'unknown';

export interface HealthState {
  readonly verdict: HealthVerdict;
  /** Successes in a row. */
  readonly successes: number;
  /** Failures in a row. */
  readonly failures: number;
}

export const initialHealth: HealthState = Object.freeze({ verdict: 'checking', successes: 0, failures: 0 });

export interface HealthThresholds {
  readonly successfulChecks: number;
  readonly failedChecks: number;
}

/**
 * The state after one more check. A first verdict needs one failure, or as many successes as any other change to up. Maintenance takes as many answers as a
 * failure does; a server that is not up is what its last failed check says.
 */
export function nextHealth(
  state: HealthState,
  outcome: CheckOutcome,
  thresholds: HealthThresholds,
): HealthState {
  if (outcome === 'unknown') return state;
  const ok = outcome === 'ok';
  const successes = ok ? state.successes + 1 : 0;
  const failures = ok ? 0 : state.failures + 1;
  if (ok && successes >= thresholds.successfulChecks) return { verdict: 'up', successes, failures };
  if (!ok && (state.verdict !== 'up' || failures >= thresholds.failedChecks)) {
    return { verdict: outcome === 'maintenance' ? 'maintenance' : 'down', successes, failures };
  }
  return { verdict: state.verdict, successes, failures };
}

/**
 * What the verdicts of all monitors of a server come to.
 *
 * @param minUp how many have to say up; 0: all.
 */
export function verdictOf(verdicts: readonly HealthVerdict[], minUp: number): HealthVerdict {
  const wanted = minUp === 0 ? verdicts.length : Math.min(minUp, verdicts.length);
  const count = (verdict: HealthVerdict): number => verdicts.filter((one) => one === verdict).length;
  if (count('up') >= wanted) return 'up';
  // Enough of them have found it down: no other answer can make up for that.
  if (verdicts.length - count('down') < wanted) return 'down';
  return count('up') + count('checking') >= wanted ? 'checking' : 'maintenance';
}
