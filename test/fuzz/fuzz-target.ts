// What is fuzzed: where its inputs come from, and what must hold of every one of them.

import type { Mutation } from './mutations.ts';

export interface FuzzTarget {
  readonly name: string;
  /** Inputs to begin with. */
  readonly seeds: readonly Buffer[];
  /** Ways to change an input besides those of bytes; they know its structure. */
  readonly mutations: readonly Mutation[];
  /**
   * Throws where an invariant does not hold. All that it does by chance follows from the input.
   *
   * @returns what became of the input, in few words: an input with a new outcome is worth changing further.
   */
  check(input: Buffer): string | Promise<string>;
  /** What a judge needs. */
  start?(): Promise<void>;
  stop?(): Promise<void>;
}

/** No input is longer. */
export const INPUT_BYTES_MAX = 80_000;
/** Far above what 80 kB take, and far below what anything quadratic would. */
const TIME_LIMIT_MS = 150;

/** Runs it and throws if it takes too long three times running: once may be the machine. */
export function inBoundedTime<T>(run: () => T): T {
  let tookMs = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3; attempt++) {
    const startMs = performance.now();
    const result = run();
    tookMs = Math.min(tookMs, performance.now() - startMs);
    if (tookMs < TIME_LIMIT_MS) return result;
  }
  throw new Error(`it takes ${Math.round(tookMs)} ms`);
}
