// The secret box: secrets are sealed under the master key before they reach the store, each for one purpose.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { LimpetError } from '@limpet/model/errors';
import type { RandomSource } from '../lifecycle/random.ts';

/** AES-256-GCM under a key that HKDF makes of the master key; the purpose is authenticated, so that a sealed text cannot be moved elsewhere. */
export interface SecretBox {
  /** @param purpose as `SSLKeyAndCertificate/<uuid>/key`. */
  seal(purpose: string, secret: string): string;
  /** @throws LimpetError SECRET_UNREADABLE: another master key, another purpose, or damage. */
  open(purpose: string, sealed: string): string;
}

export const MASTER_KEY_BYTES = 32;

/*
 * limpet-sealed:1:<key id>:<base64url of iv 12 | wrapped key 32 | tag 16 | ciphertext | tag 16>
 *
 * Every text has a key of its own, which the master key wraps: so another master key can be put in place without opening a
 * secret or knowing its purpose, and GCM's limits hold for a key that is used once.
 */
const FORM = /^limpet-sealed:1:([0-9a-f]{16}):([A-Za-z0-9_-]{102,})$/;
const IV_BYTES = 12;
const TEXT_KEY_BYTES = 32;
const TAG_BYTES = 16;
const WRAPPED_BYTES = IV_BYTES + TEXT_KEY_BYTES + TAG_BYTES;
/** Each text key encrypts one text, so that this is no repetition. */
const TEXT_IV = Buffer.alloc(IV_BYTES);

/** Whether a text of the store is a sealed one. */
export function isSealed(text: string): boolean {
  return FORM.test(text);
}

/** Which master key a text is sealed under: 8 bytes that say nothing of the key. Undefined where it is no sealed text. */
export function keyIdOf(sealed: string): string | undefined {
  return FORM.exec(sealed)?.[1];
}

/** A master key, as it is used. */
interface WrappingKey {
  readonly id: string;
  readonly key: Buffer;
}

/** The id by which texts name the master key. */
export function masterKeyId(masterKey: Buffer): string {
  return derive(masterKey, 'key id', 8).toString('hex');
}

export function createSecretBox(masterKey: Buffer, random: RandomSource): SecretBox {
  const wrapping = wrappingKeyOf(masterKey);
  return Object.freeze({
    seal(purpose: string, secret: string): string {
      const textKey = random.bytes(TEXT_KEY_BYTES);
      const cipher = createCipheriv('aes-256-gcm', textKey, TEXT_IV).setAAD(Buffer.from(purpose));
      const content = [cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return sealedText(wrapping, wrap(wrapping, textKey, random), Buffer.concat(content));
    },
    open(purpose: string, sealed: string): string {
      const { textKey, content } = unwrap(wrapping, sealed);
      const decipher = createDecipheriv('aes-256-gcm', textKey, TEXT_IV, { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(purpose))
        .setAuthTag(content.subarray(-TAG_BYTES));
      try {
        const text = [decipher.update(content.subarray(0, -TAG_BYTES)), decipher.final()];
        return Buffer.concat(text).toString('utf8');
      } catch {
        throw new LimpetError('SECRET_UNREADABLE', `it was not sealed as ${purpose}, or is damaged`);
      } finally {
        textKey.fill(0);
      }
    },
  });
}

/**
 * What replaces a sealed text when the master key is replaced. A text that is under the new key already stays as it is.
 *
 * @throws LimpetError SECRET_UNREADABLE, as {@link SecretBox.open}.
 */
export function createResealing(from: Buffer, to: Buffer, random: RandomSource): (sealed: string) => string {
  const [old, next] = [wrappingKeyOf(from), wrappingKeyOf(to)];
  return (sealed) => {
    if (keyIdOf(sealed) === next.id) return sealed;
    const { textKey, content } = unwrap(old, sealed);
    const wrapped = wrap(next, textKey, random);
    textKey.fill(0);
    return sealedText(next, wrapped, content);
  };
}

function sealedText({ id }: WrappingKey, wrapped: Buffer, content: Buffer): string {
  return `limpet-sealed:1:${id}:${Buffer.concat([wrapped, content]).toString('base64url')}`;
}

function wrap({ id, key }: WrappingKey, textKey: Buffer, random: RandomSource): Buffer {
  const iv = random.bytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(id));
  return Buffer.concat([iv, cipher.update(textKey), cipher.final(), cipher.getAuthTag()]);
}

function unwrap({ id, key }: WrappingKey, sealed: string): { textKey: Buffer; content: Buffer } {
  const match = FORM.exec(sealed);
  if (match === null) throw new LimpetError('SECRET_UNREADABLE', 'it is not in the form of a sealed text');
  const [, keyId, coded] = match;
  if (keyId !== id) {
    throw new LimpetError(
      'SECRET_UNREADABLE',
      `it is sealed under master key ${keyId}, and this one is ${id}`,
    );
  }
  const bytes = Buffer.from(coded as string, 'base64url');
  const tagAt = IV_BYTES + TEXT_KEY_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(Buffer.from(id))
    .setAuthTag(bytes.subarray(tagAt, WRAPPED_BYTES));
  try {
    const textKey = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, tagAt)), decipher.final()]);
    return { textKey, content: bytes.subarray(WRAPPED_BYTES) };
  } catch {
    throw new LimpetError('SECRET_UNREADABLE', 'it is damaged');
  }
}

function wrappingKeyOf(masterKey: Buffer): WrappingKey {
  if (masterKey.length !== MASTER_KEY_BYTES)
    throw new LimpetError('MASTER_KEY_INVALID', `it has ${masterKey.length} bytes, not ${MASTER_KEY_BYTES}`);
  return { id: masterKeyId(masterKey), key: derive(masterKey, 'wrapping', 32) };
}

function derive(masterKey: Buffer, use: string, size: number): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, 'limpet secret box', `1 ${use}`, size));
}
