// Test support: rings and tickets made as OpenSSL makes them.

import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import type { RandomSource } from '../lifecycle/random.ts';
import { encodeServerMapping, type ServerMapping } from './server-mapping.ts';
import type { TicketKey } from './ticket-key.ts';

export const cryptoRandom: RandomSource = {
  bytes: (size) => randomBytes(size),
  fraction: () => randomBytes(4).readUInt32BE(0) / 2 ** 32,
};

/** A ticket as OpenSSL lays it out: key_name, IV, AES-128-CBC(session), HMAC-SHA256. */
export function makeTicket(
  key: TicketKey,
  mapping: ServerMapping,
  session: Buffer = randomBytes(150),
): Buffer {
  const iv = randomBytes(16);
  const block = Buffer.alloc(16);
  encodeServerMapping(mapping, block);
  const cipher = createCipheriv('aes-128-cbc', key.aesKey, iv);
  const signed = Buffer.concat([key.sealBlock(block, iv), iv, cipher.update(session), cipher.final()]);
  return Buffer.concat([signed, createHmac('sha256', key.hmacKey).update(signed).digest()]);
}
