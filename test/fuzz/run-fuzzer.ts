// The fuzzer: changes inputs, keeps those with new outcomes to change them further, and makes small what it finds.

import { type FuzzTarget, INPUT_BYTES_MAX } from './fuzz-target.ts';
import { cross, mutateBytes } from './mutations.ts';
import { SeededRandom } from './seeded-random.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Stops at whichever is reached first. */
  readonly runs?: number;
  readonly seconds?: number;
}

export interface Finding {
  /** As small as it could be made. */
  readonly input: Buffer;
  readonly error: Error;
}

export interface FuzzReport {
  readonly runs: number;
  readonly outcomes: number;
  readonly finding: Finding | undefined;
}

const POOL_MAX = 4000;
const CHANGES_MAX = 6;
const OUTCOMES_MAX = 50_000;

/** The target is started already. Ends at the first finding. */
export async function runFuzzer(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, runs: runsMax = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY } = options;
  const random = new SeededRandom(seed);
  const endMs = performance.now() + seconds * 1000;
  const pool: Buffer[] = [...target.seeds];
  const outcomes = new Set<string>();
  let runs = 0;
  const next = (): Buffer =>
    runs < target.seeds.length ? (target.seeds[runs] as Buffer) : changed(target, pool, random);
  while (runs < runsMax && performance.now() < endMs) {
    const input = next();
    runs++;
    try {
      const outcome = await target.check(input);
      if (!outcomes.has(outcome) && outcomes.size < OUTCOMES_MAX) {
        outcomes.add(outcome);
        if (pool.length < POOL_MAX) pool.push(input);
        else pool[target.seeds.length + random.below(POOL_MAX - target.seeds.length)] = input;
      }
    } catch (error) {
      const finding = await smallest(target, { input, error: error as Error });
      return { runs, outcomes: outcomes.size, finding };
    }
  }
  return { runs, outcomes: outcomes.size, finding: undefined };
}

function changed(target: FuzzTarget, pool: readonly Buffer[], random: SeededRandom): Buffer {
  let input = random.pick(pool);
  if (random.chance(10)) input = cross(input, random.pick(pool), random);
  const changes = 1 + random.below(CHANGES_MAX);
  for (let change = 0; change < changes; change++) {
    const bytewise = target.mutations.length === 0 || random.chance(3);
    const mutate = bytewise ? mutateBytes : random.pick(target.mutations);
    input = mutate(input, random).subarray(0, INPUT_BYTES_MAX);
  }
  // A copy of its own: what reads beyond it reads something else.
  return Buffer.from(input);
}

const SHRINK_CHECKS_MAX = 3000;

/** Takes pieces out as long as the check still fails with the same words. */
async function smallest(target: FuzzTarget, first: Finding): Promise<Finding> {
  let best = first;
  let checks = 0;
  for (let size = Math.ceil(best.input.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.input.length && checks < SHRINK_CHECKS_MAX; checks++) {
      const input = Buffer.concat([best.input.subarray(0, at), best.input.subarray(at + size)]);
      const error = await failure(target, input);
      if (error !== undefined && firstLine(error) === firstLine(best.error)) best = { input, error };
      else at += size;
    }
  }
  return best;
}

async function failure(target: FuzzTarget, input: Buffer): Promise<Error | undefined> {
  try {
    await target.check(input);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function firstLine({ message }: Error): string {
  return message.split('\n', 1)[0] ?? '';
}
