// Randomness: bytes and uuids from the system's secure source.

import { randomBytes, randomUUID } from 'node:crypto';

export interface RandomSource {
  /** Fresh memory of secure random bytes. */
  bytes(size: number): Buffer;
  /** RFC 9562, version 4. */
  uuid(): string;
}

export const systemRandom: RandomSource = Object.freeze({
  bytes: (size: number) => randomBytes(size),
  uuid: () => randomUUID(),
});
