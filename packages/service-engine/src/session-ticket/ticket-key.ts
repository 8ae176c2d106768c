// One ticket key of one virtual service: derived from 32 random bytes of the ring, it seals and opens mappings and checks tickets.

import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type Decipheriv,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import { BLOCK_BYTES } from './server-mapping.ts';

/** Where a key stands in its ring: `next` seals nothing yet, `current` seals, `previous` only opens. */
export type TicketKeyRole = 'next' | 'current' | 'previous';

/** Bytes of HMAC-SHA256 at the end of a ticket. */
export const MAC_BYTES = 32;

// A fixed salt: what keeps two uses of a ring key apart is the info string (RFC 5869 §3.1 allows a public salt).
const SALT = Buffer.from('limpet session ticket');
const LAYOUT_VERSION = 1;

/** A KeyObject where several keys come of it: of a Buffer each derivation makes one, which costs as much as the derivation. */
export type RingKeyMaterial = Buffer | KeyObject;

function derive(
  ringKey: RingKeyMaterial,
  purpose: string,
  virtualServiceUuid: string,
  bytes: number,
): Buffer {
  const info = `limpet-ticket|${LAYOUT_VERSION}|${purpose}|${virtualServiceUuid}`;
  return Buffer.from(hkdfSync('sha256', ringKey, SALT, info, bytes));
}

/**
 * A working key. Its ciphers are kept open (AES-256 on single blocks without padding, chained by hand): a cipher object a
 * ticket costs several times the block itself.
 */
export class TicketKey {
  readonly role: TicketKeyRole;
  /** As Node's ticket callback wants them: AES-128 key of the session, HMAC-SHA256 key of the ticket. */
  readonly aesKey: Buffer;
  readonly hmacKey: Buffer;
  readonly #hmacKeyObject: KeyObject;
  readonly #encipher: Cipheriv;
  readonly #decipher: Decipheriv;
  readonly #scratch = Buffer.alloc(BLOCK_BYTES);
  #destroyed = false;

  constructor(ringKey: RingKeyMaterial, role: TicketKeyRole, virtualServiceUuid: string) {
    this.role = role;
    this.aesKey = derive(ringKey, 'session', virtualServiceUuid, 16);
    this.hmacKey = derive(ringKey, 'hmac', virtualServiceUuid, 32);
    // A KeyObject is made once: createHmac with a Buffer makes one at each call, which costs more than the check.
    this.#hmacKeyObject = createSecretKey(this.hmacKey);
    const mappingKey = derive(ringKey, 'mapping', virtualServiceUuid, 32);
    this.#encipher = createCipheriv('aes-256-ecb', mappingKey, null).setAutoPadding(false);
    this.#decipher = createDecipheriv('aes-256-ecb', mappingKey, null).setAutoPadding(false);
    mappingKey.fill(0);
  }

  /** One block of AES-256-CBC under the mapping key: the key_name of a ticket with this IV. */
  sealBlock(block: Buffer, iv: Buffer): Buffer {
    const mixed = this.#scratch;
    for (let i = 0; i < BLOCK_BYTES; i++) mixed[i] = (block[i] as number) ^ (iv[i] as number);
    return this.#encipher.update(mixed);
  }

  /** The inverse of {@link sealBlock}. The result is only valid until the next call. */
  openBlock(keyName: Buffer, iv: Buffer): Buffer {
    const mixed = this.#decipher.update(keyName);
    const block = this.#scratch;
    for (let i = 0; i < BLOCK_BYTES; i++) block[i] = (mixed[i] as number) ^ (iv[i] as number);
    return block;
  }

  /** Whether the ticket was made under this key and is unaltered: HMAC over all but its last 32 bytes, compared in constant time. */
  verifies(ticket: Buffer): boolean {
    const signed = ticket.length - MAC_BYTES;
    const mac = createHmac('sha256', this.#hmacKeyObject).update(ticket.subarray(0, signed)).digest();
    return timingSafeEqual(mac, ticket.subarray(signed));
  }

  /** The session in a ticket that {@link verifies}; it holds the secret to resume by: wipe it. Undefined where it does not decrypt. */
  openSession(ticket: Buffer): Buffer | undefined {
    const iv = ticket.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES);
    const decipher = createDecipheriv('aes-128-cbc', this.aesKey, iv);
    const head = decipher.update(ticket.subarray(2 * BLOCK_BYTES, ticket.length - MAC_BYTES));
    try {
      const tail = decipher.final();
      const session = Buffer.concat([head, tail]);
      tail.fill(0);
      return session;
    } catch {
      return undefined;
    } finally {
      head.fill(0);
    }
  }

  /** What is left of a destroyed key is known to everybody: zeros. It must open and seal nothing. */
  get isDestroyed(): boolean {
    return this.#destroyed;
  }

  /** Overwrites what can be overwritten. The key must not be used afterwards. */
  destroy(): void {
    this.#destroyed = true;
    this.aesKey.fill(0);
    this.hmacKey.fill(0);
  }
}
