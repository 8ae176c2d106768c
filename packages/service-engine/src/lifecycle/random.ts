// Randomness: bytes from the system's secure source, taken from a pool.

import { randomFillSync } from 'node:crypto';

export interface RandomSource {
  /** Fresh memory of secure random bytes. */
  bytes(size: number): Buffer;
  /** In [0, 1); for spreading things out, from the same secure source. */
  fraction(): number;
}

const POOL_BYTES = 8192;
const FRACTION_BYTES = 6;

/** One call into the system's source for 8 kB: a call for each ticket costs several µs. */
export const systemRandom: RandomSource = createPooledRandom();

function createPooledRandom(): RandomSource {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  let used = POOL_BYTES;
  const fraction = (): number => {
    if (used + FRACTION_BYTES > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const drawn = pool.readUIntBE(used, FRACTION_BYTES) / 2 ** (8 * FRACTION_BYTES);
    used += FRACTION_BYTES;
    return drawn;
  };
  const bytes = (size: number): Buffer => {
    const taken = Buffer.allocUnsafeSlow(size);
    if (size > POOL_BYTES) return randomFillSync(taken);
    if (used + size > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    pool.copy(taken, 0, used, used + size);
    // What was given out must not be found in memory a second time.
    pool.fill(0, used, used + size);
    used += size;
    return taken;
  };
  return Object.freeze({ bytes, fraction });
}
