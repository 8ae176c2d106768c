// How long a tunnel may be silent before it is taken for dead.

/** Avi's idle_connection_timeout of a TCP proxy. */
const IDLE_MS = 600_000;
/** Once one side has ended, the other may be gone without a word. */
const HALF_CLOSED_IDLE_MS = 60_000;

/** @param openWays directions that have not ended: 2 or 1. */
export function tunnelSilenceLimitMs(openWays: number): number {
  return openWays === 2 ? IDLE_MS : HALF_CLOSED_IDLE_MS;
}
