// A bounded block of load: a few lanes, each doing one operation after the other until the time is up.

export interface LanesReport {
  readonly operations: number;
  readonly errors: number;
  readonly firstError?: string;
  readonly wallMs: number;
}

/** Starts one operation and calls `done` exactly once, later: never before it returns. */
export type StartOperation = (lane: number, done: (error?: Error) => void) => void;

// A subject that fails everything at once must not be asked a hundred thousand times.
const ERROR_LIMIT = 100;

/** Runs until `durationMs` has passed; operations in progress then are finished and counted. */
export function runLanes(
  lanes: number,
  durationMs: number,
  start: StartOperation,
  nowMs: () => number = () => performance.now(),
): Promise<LanesReport> {
  return new Promise((resolve) => {
    const startedAt = nowMs();
    let running = lanes;
    let operations = 0;
    let errors = 0;
    let firstError: string | undefined;

    const proceed = (lane: number): void => {
      if (nowMs() - startedAt < durationMs && errors < ERROR_LIMIT) {
        start(lane, (error) => {
          if (error === undefined) operations++;
          else {
            errors++;
            firstError ??= error.message;
          }
          proceed(lane);
        });
        return;
      }
      running--;
      if (running > 0) return;
      const wallMs = nowMs() - startedAt;
      resolve({ operations, errors, wallMs, ...(firstError === undefined ? {} : { firstError }) });
    };
    for (let lane = 0; lane < lanes; lane++) proceed(lane);
  });
}
