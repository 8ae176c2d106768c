// One cookie key of one virtual service: derived of the same ring key as its ticket key, it seals and opens persistence cookies.

import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { RingKeyMaterial, TicketKeyRole } from './ticket-key.ts';

export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

const KEY_BYTES = 32;
// A salt and an info string of their own: nothing that ticket keys do tells about cookie keys (RFC 5869 §3.1, §3.2).
const SALT = Buffer.from('limpet http cookie');
const LAYOUT_VERSION = 1;
const ALGORITHM = 'aes-256-gcm';

/**
 * A working key. A nonce is 12 random bytes: a key may seal 2^32 cookies before two of them meet with a probability of 2^-32 (NIST SP 800-38D §8.3),
 * which at the default rotation of six hours is 198,000 a second.
 */
export class CookieKey {
  readonly role: TicketKeyRole;
  /** A byte that every cookie under this key shows in clear: which key of the ring to try. It tells nothing about the key. */
  readonly hint: number;
  readonly #key: KeyObject;

  constructor(ringKey: RingKeyMaterial, role: TicketKeyRole, virtualServiceUuid: string) {
    this.role = role;
    const info = `limpet-cookie|${LAYOUT_VERSION}|${virtualServiceUuid}`;
    const derived = Buffer.from(hkdfSync('sha256', ringKey, SALT, info, KEY_BYTES + 1));
    this.hint = derived[KEY_BYTES] as number;
    this.#key = createSecretKey(derived.subarray(0, KEY_BYTES));
    derived.fill(0);
  }

  /** @returns ciphertext and tag. */
  seal(plaintext: Buffer, nonce: Buffer, bound: Buffer): Buffer {
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce).setAAD(bound);
    return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  /** @returns undefined where not every bit of `sealed`, nonce and `bound` is as it was. */
  open(sealed: Buffer, nonce: Buffer, bound: Buffer): Buffer | undefined {
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(bound)
      .setAuthTag(sealed.subarray(end));
    const plaintext = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plaintext;
  }
}
