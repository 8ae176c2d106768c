// The health state of one server under one monitor: three fields and one function.

export type HealthVerdict = 'checking' | 'up' | 'down';

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

/** The state after one more check. A first verdict needs one failure, or as many successes as any other change to up. */
export function nextHealth(state: HealthState, ok: boolean, thresholds: HealthThresholds): HealthState {
  const successes = ok ? state.successes + 1 : 0;
  const failures = ok ? 0 : state.failures + 1;
  if (ok && successes >= thresholds.successfulChecks) return { verdict: 'up', successes, failures };
  if (!ok && (state.verdict === 'checking' || failures >= thresholds.failedChecks)) {
    return { verdict: 'down', successes, failures };
  }
  return { verdict: state.verdict, successes, failures };
}
