// How much a run measures: a quick one ends within five minutes, a full one takes about twenty.

/** Unmeasured load on each subject before an operation. */
export interface WarmUp {
  readonly leastMs: number;
  /** And so many operations, since it is by their number that a compiler finds out what is worth its work: a slow machine takes longer for them. */
  readonly operations: number;
  /** But no longer than this. */
  readonly mostMs: number;
}

export interface Plan {
  readonly name: 'quick' | 'full';
  /** Before an operation that makes requests: the first 18,000 of a process cost more. */
  readonly warmUp: WarmUp;
  /** Before one that makes connections: the first 5,000 of a process cost more. */
  readonly connectionWarmUp: WarmUp;
  /** Rounds of an operation: in each, every subject has one block. */
  readonly rounds: number;
  readonly blockMs: number;
  readonly idle: {
    readonly rounds: number;
    /** Connections that are open before the first reading. */
    readonly openBefore: number;
    readonly added: number;
    /** Wait before a reading, so that buffers of the last request are given back. */
    readonly settleMs: number;
  };
  readonly persistence: {
    /** How often both engines are started anew. */
    readonly starts: number;
    readonly warmUpMs: number;
    readonly pairs: number;
    readonly blockMs: number;
  };
}

export const quickPlan: Plan = {
  name: 'quick',
  warmUp: { leastMs: 2500, operations: 20_000, mostMs: 8000 },
  connectionWarmUp: { leastMs: 6500, operations: 4000, mostMs: 9000 },
  rounds: 9,
  blockMs: 550,
  idle: { rounds: 1, openBefore: 400, added: 1000, settleMs: 2000 },
  persistence: { starts: 3, warmUpMs: 3000, pairs: 12, blockMs: 500 },
};

export const fullPlan: Plan = {
  name: 'full',
  warmUp: { leastMs: 6000, operations: 40_000, mostMs: 20_000 },
  connectionWarmUp: { leastMs: 15_000, operations: 10_000, mostMs: 30_000 },
  rounds: 31,
  blockMs: 1000,
  idle: { rounds: 3, openBefore: 1000, added: 1500, settleMs: 5000 },
  persistence: { starts: 6, warmUpMs: 6000, pairs: 25, blockMs: 1000 },
};
