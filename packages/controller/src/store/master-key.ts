// The master key: where it comes from, how it is made at the first start, and whether it is the one that the store needs.

import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { LimpetError } from '@limpet/model/errors';
import type { RandomSource } from '../lifecycle/random.ts';
import type { VaultRecord } from './object-store.ts';
import { createSecretBox, keyIdOf, MASTER_KEY_BYTES, masterKeyId } from './secret-box.ts';
import { type StateFolder, syncFolder } from './state-folder.ts';

export interface MasterKeySource {
  /** Value of LIMPET_MASTER_KEY; where it is set, no file is read or made. */
  readonly environment: string | undefined;
  /** Another file than the state folder's own. */
  readonly file?: string | undefined;
}

/** A text that only the right master key opens stands in the vault, so that a wrong one is told at start and not at the first secret. */
const CHECK_KIND = 'master-key-check';
const CHECK_TEXT = 'limpet';

/** The id of the master key that a store needs; undefined for one that has no secrets yet. */
export function neededKeyId(vault: readonly VaultRecord[]): string | undefined {
  const sealed = vault.find(({ kind }) => kind === CHECK_KIND)?.value.sealed;
  return typeof sealed === 'string' ? keyIdOf(sealed) : undefined;
}

/** The record to put into the vault of a store that has none yet. */
export function masterKeyCheck(masterKey: Buffer, random: RandomSource): VaultRecord {
  const sealed = createSecretBox(masterKey, random).seal(CHECK_KIND, CHECK_TEXT);
  return { kind: CHECK_KIND, id: '', value: { sealed } };
}

/**
 * Of a store that needs a certain key.
 *
 * @throws LimpetError MASTER_KEY_WRONG, MASTER_KEY_INVALID
 */
export function findMasterKey(folder: StateFolder, source: MasterKeySource, needed: string): Buffer {
  const { found, from } = readMasterKey(folder, source);
  if (found !== undefined && masterKeyId(found) === needed) {
    // A reseal that ended before it began: the key that it would have put in place seals nothing.
    if (source.environment === undefined) rmSync(nextFileOf(folder, source), { force: true });
    return found;
  }
  if (source.environment === undefined) {
    const next = readKeyFile(nextFileOf(folder, source));
    if (next !== undefined && masterKeyId(next) === needed) {
      // A reseal that ended between its transaction and this.
      putNextInPlace(folder, source);
      return next;
    }
  }
  if (found === undefined) {
    throw new LimpetError(
      'MASTER_KEY_WRONG',
      `there is none in ${from}, and the store needs master key ${needed}; put it there, or into LIMPET_MASTER_KEY`,
    );
  }
  throw new LimpetError(
    'MASTER_KEY_WRONG',
    `${from} has master key ${masterKeyId(found)}, and the store needs ${needed}`,
  );
}

/** Of a new store: the one that is given, else one that is made. */
export function findOrMakeMasterKey(
  folder: StateFolder,
  source: MasterKeySource,
  random: RandomSource,
): { readonly key: Buffer; readonly made: boolean } {
  const { found, from } = readMasterKey(folder, source);
  if (found !== undefined) return { key: found, made: false };
  const key = random.bytes(MASTER_KEY_BYTES);
  writeKeyFile(from, key, false);
  return { key, made: true };
}

/** The text of a key: base64 of 32 bytes. @throws LimpetError MASTER_KEY_INVALID, which never shows the text. */
export function parseMasterKey(text: string, from: string): Buffer {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, 'base64');
  if (key.length !== MASTER_KEY_BYTES || key.toString('base64') !== trimmed)
    throw new LimpetError('MASTER_KEY_INVALID', `${from} is not base64 of ${MASTER_KEY_BYTES} bytes`);
  // Of 32 random bytes fewer than 20 differ with a probability below 2^-43.
  if (new Set(key).size < 20) throw new LimpetError('MASTER_KEY_INVALID', `${from} is not random`);
  return key;
}

/** The key that {@link putNextInPlace} makes the one in effect; until then it seals nothing. */
export function writeNextMasterKey(folder: StateFolder, source: MasterKeySource, key: Buffer): void {
  writeKeyFile(nextFileOf(folder, source), key, true);
}

export function putNextInPlace(folder: StateFolder, source: MasterKeySource): void {
  const file = source.file ?? folder.masterKey;
  renameSync(nextFileOf(folder, source), file);
  syncFolder(dirname(file));
}

/** Whatever key there is, undefined where there is none, and where it was looked for. */
export function readMasterKey(
  folder: StateFolder,
  { environment, file = folder.masterKey }: MasterKeySource,
): { readonly found: Buffer | undefined; readonly from: string } {
  if (environment !== undefined)
    return { found: parseMasterKey(environment, 'LIMPET_MASTER_KEY'), from: 'LIMPET_MASTER_KEY' };
  return { found: readKeyFile(file), from: file };
}

function nextFileOf(folder: StateFolder, { file }: MasterKeySource): string {
  return file === undefined ? folder.nextMasterKey : `${file}.next`;
}

function readKeyFile(file: string): Buffer | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if ((stat.mode & 0o077) !== 0) {
    throw new LimpetError(
      'MASTER_KEY_INVALID',
      `${file} can be read by others than its owner; "chmod 600 ${file}", and change it by "limpet reseal" if anybody has`,
    );
  }
  try {
    return parseMasterKey(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof LimpetError) throw error;
    throw new LimpetError('MASTER_KEY_INVALID', `${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** Written beside, synced, then given its name: there is the whole key or none. */
function writeKeyFile(file: string, key: Buffer, replace: boolean): void {
  const beside = `${file}.new`;
  try {
    rmSync(beside, { force: true });
    const descriptor = openSync(beside, 'wx', 0o600);
    try {
      writeSync(descriptor, `${key.toString('base64')}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (replace) {
      renameSync(beside, file);
    } else {
      linkSync(beside, file);
      rmSync(beside);
    }
    syncFolder(dirname(file));
  } catch (error) {
    throw new LimpetError('MASTER_KEY_INVALID', `${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
