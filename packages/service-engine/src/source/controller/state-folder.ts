// The state folder of an engine with a Controller: who it is, and what it was given last, so that it starts without the Controller, too.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LimpetError } from '@limpet/model';
import type { RandomSource } from '../../lifecycle/random.ts';

/** What enrolment gave. */
export interface EngineIdentity {
  readonly engineUuid: string;
  readonly engineName: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** The Controller's authority. */
  readonly caPem: string;
  /** Where its API is. */
  readonly controllerUrl: string;
  readonly linkPort: number;
  /** Hash of the token. */
  readonly enrolledBy: string;
}

/** Sealed, since private keys and ticket keys are in them. */
export type SealedPart = 'configuration' | 'rings';

const IDENTITY = 'identity.json';
const KEY = 'cache.key';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = Buffer.from('limpet-cache/1\n');

export class StateFolder {
  readonly #folder: string;
  readonly #random: RandomSource;
  readonly #givenKey: Buffer | undefined;

  /**
   * @param givenKey what the cache is sealed under, where that shall not lie in the folder; at least 32 bytes.
   * @throws LimpetError STATE_UNREADABLE.
   */
  constructor(folder: string, random: RandomSource, givenKey: Buffer | undefined) {
    this.#folder = folder;
    this.#random = random;
    if (givenKey !== undefined && givenKey.length < KEY_BYTES)
      throw new LimpetError('STATE_UNREADABLE', `the key of the cache has fewer than ${KEY_BYTES} bytes`);
    this.#givenKey = givenKey;
    this.#attempt(folder, () => mkdirSync(folder, { recursive: true, mode: 0o700 }));
  }

  /** Undefined before it has enrolled. @throws LimpetError STATE_UNREADABLE. */
  readIdentity(): EngineIdentity | undefined {
    const text = this.#read(IDENTITY);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text.toString('utf8')) as EngineIdentity;
    } catch {
      throw new LimpetError('STATE_UNREADABLE', `${join(this.#folder, IDENTITY)} is not JSON`);
    }
  }

  writeIdentity(identity: EngineIdentity): void {
    this.#write(IDENTITY, Buffer.from(`${JSON.stringify(identity, undefined, 2)}\n`));
  }

  /** Undefined where there is none, or none that opens: another key, or damage. It is a cache. */
  readSealed(part: SealedPart): unknown {
    const bytes = this.#read(`${part}.sealed`);
    if (bytes === undefined || !bytes.subarray(0, FORMAT.length).equals(FORMAT)) return undefined;
    const body = bytes.subarray(FORMAT.length);
    try {
      const iv = body.subarray(0, IV_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(part), iv, { authTagLength: TAG_BYTES })
        .setAAD(FORMAT)
        .setAuthTag(body.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      const text = Buffer.concat([decipher.update(body.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
      const value: unknown = JSON.parse(text.toString('utf8'));
      text.fill(0);
      return value;
    } catch {
      return undefined;
    }
  }

  /** Whole or not at all. @throws LimpetError STATE_UNREADABLE, as when the disk is full; then the former one is there. */
  writeSealed(part: SealedPart, value: unknown): void {
    const iv = this.#random.bytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(part), iv).setAAD(FORMAT);
    const text = Buffer.from(JSON.stringify(value));
    const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
    text.fill(0);
    this.#write(`${part}.sealed`, Buffer.concat([FORMAT, iv, cipher.getAuthTag(), sealed]));
  }

  #keyOf(part: SealedPart): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#key(), 'limpet engine cache', part, KEY_BYTES));
  }

  /** The one that was given, or that of a file beside, which whoever copies the folder has, too. */
  #key(): Buffer {
    if (this.#givenKey !== undefined) return this.#givenKey;
    const kept = this.#read(KEY);
    if (kept?.length === KEY_BYTES) return kept;
    const made = this.#random.bytes(KEY_BYTES);
    this.#write(KEY, made);
    return made;
  }

  #read(name: string): Buffer | undefined {
    const path = join(this.#folder, name);
    return this.#attempt(path, () => {
      try {
        return readFileSync(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    });
  }

  /** Written beside, synced, then renamed. */
  #write(name: string, bytes: Buffer): void {
    const path = join(this.#folder, name);
    this.#attempt(path, () => {
      const descriptor = openSync(`${path}.new`, 'w', 0o600);
      try {
        // All of it or an error: a disk that is nearly full takes a part of one write and says how much.
        writeFileSync(descriptor, bytes);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(`${path}.new`, path);
    });
  }

  #attempt<T>(path: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw new LimpetError(
        'STATE_UNREADABLE',
        `${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`,
      );
    }
  }
}
