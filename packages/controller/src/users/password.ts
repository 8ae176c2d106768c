// Passwords: hashed by scrypt with its parameters beside the hash, in Node's worker pool, and never compared otherwise.

import { scrypt, timingSafeEqual } from 'node:crypto';
import type { RandomSource } from '../lifecycle/random.ts';

export interface ScryptParameters {
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
}

/** OWASP's: 32 MiB a hash, filled three times. docs/decisions/0034 has what it costs. */
const PARAMETERS: ScryptParameters = { cost: 2 ** 15, blockSize: 8, parallelization: 3 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** A hash that somebody put into the store must not take the memory of the process. */
const MEMORY_MAX_BYTES = 256 * 2 ** 20;

const FORM = /^\$scrypt\$n=(\d{1,8}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

/** Whether the text is a hash that {@link hashPassword} made, so that it is not hashed again. */
export function isPasswordHash(text: string): boolean {
  return FORM.test(text);
}

/** As `$scrypt$n=32768,r=8,p=3$<salt>$<hash>`: what User.password is kept as, a secret of that object. */
export async function hashPassword(
  password: string,
  random: RandomSource,
  parameters: ScryptParameters = PARAMETERS,
): Promise<string> {
  const salt = random.bytes(SALT_BYTES);
  const hash = await derive(password, salt, parameters);
  const { cost, blockSize, parallelization } = parameters;
  return `$scrypt$n=${cost},r=${blockSize},p=${parallelization}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** False also for a text that is no hash. */
export async function verifyPassword(password: string, kept: string): Promise<boolean> {
  const match = FORM.exec(kept);
  if (match === null) return false;
  const [, cost, blockSize, parallelization, salt, hash] = match;
  const parameters = {
    cost: Number(cost),
    blockSize: Number(blockSize),
    parallelization: Number(parallelization),
  };
  if (128 * parameters.cost * parameters.blockSize > MEMORY_MAX_BYTES / 2) return false;
  const derived = await derive(password, Buffer.from(salt as string, 'base64'), parameters);
  return timingSafeEqual(derived, Buffer.from(hash as string, 'base64'));
}

function derive(password: string, salt: Buffer, parameters: ScryptParameters): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // NFC: one keyboard composes a letter that another decomposes.
    scrypt(
      password.normalize('NFC'),
      salt,
      HASH_BYTES,
      { ...parameters, maxmem: MEMORY_MAX_BYTES },
      (error, derived) => (error === null ? resolve(derived) : reject(error)),
    );
  });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
