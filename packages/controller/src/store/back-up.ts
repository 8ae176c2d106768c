// Backup and restore of a state folder: one file with the whole store as of one revision, in which every secret is sealed.

import {
  chmodSync,
  closeSync,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { LimpetError } from '@limpet/model/errors';
import { findMasterKey, type MasterKeySource, neededKeyId, readMasterKey } from './master-key.ts';
import type { VaultRecord } from './object-store.ts';
import { APPLICATION_ID, MIGRATIONS } from './sqlite-schema.ts';
import {
  hasStore,
  lockStateFolder,
  makeStateFolder,
  type StateFolder,
  stateFolder,
  syncFolder,
} from './state-folder.ts';

/** What a backup holds. */
export interface BackupContents {
  readonly revision: number;
  readonly objects: number;
  /** Of the master key that its secrets are sealed with, without which they cannot be read. */
  readonly masterKeyId: string | undefined;
}

/** A Controller that begins or ends at the same moment has the file to itself for as long. */
const LOCK_TIMEOUT_MS = 10_000;

/**
 * Writes all that has been committed into a file, whether a Controller runs or not: SQLite copies within one read transaction, which holds up
 * no writer.
 *
 * @throws LimpetError BACKUP_UNWRITABLE (also where the file is there), STORE_UNREADABLE
 */
export function backUp(path: string, file: string): BackupContents {
  const folder = stateFolder(path);
  if (!hasStore(folder)) throw new LimpetError('STORE_UNREADABLE', `there is none in ${path}`);
  const beside = `${file}.new`;
  try {
    rmSync(beside, { force: true });
    // SQLite writes into an empty file that is there, and makes one by the umask.
    closeSync(openSync(beside, 'wx', 0o600));
    const database = new DatabaseSync(folder.database, { timeout: LOCK_TIMEOUT_MS });
    try {
      database.prepare('VACUUM INTO ?').run(beside);
    } finally {
      database.close();
    }
    const contents = inspect(beside);
    syncFile(beside);
    // A link, which replaces nothing that somebody puts there at the same moment.
    linkSync(beside, file);
    rmSync(beside);
    syncFolder(dirname(file));
    return contents;
  } catch (error) {
    rmSync(beside, { force: true });
    if (error instanceof LimpetError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new LimpetError('BACKUP_UNWRITABLE', code === 'EEXIST' ? `${file} is there already` : message);
  }
}

/**
 * Puts a backup in place as the store of a state folder, as a whole or not at all.
 *
 * @param replace also where there is a store, which is lost with all that came after the backup.
 * @throws LimpetError STORE_LOCKED, BACKUP_UNREADABLE, MASTER_KEY_WRONG: then the folder is as it was.
 */
export function restore(
  path: string,
  file: string,
  source: MasterKeySource,
  replace: boolean,
): BackupContents & { readonly masterKeyIsThere: boolean } {
  const folder = stateFolder(path);
  makeStateFolder(folder);
  const lock = lockStateFolder(folder);
  const beside = `${folder.database}.restored`;
  try {
    if (hasStore(folder) && !replace)
      throw new LimpetError('BACKUP_UNREADABLE', `${path} has a store; --force replaces it`);
    // A copy is looked at, since nobody else can change it between look and use.
    copy(file, beside);
    const contents = inspect(beside);
    const masterKeyIsThere = hasMasterKey(folder, source, contents.masterKeyId);
    putInPlace(folder, beside);
    return { ...contents, masterKeyIsThere };
  } finally {
    rmSync(beside, { force: true });
    lock.release();
  }
}

function copy(file: string, to: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
    throw new LimpetError('BACKUP_UNREADABLE', `${file} is not there, or is no file`);
  try {
    rmSync(to, { force: true });
    closeSync(openSync(to, 'wx', 0o600));
    copyFileSync(file, to);
    // The copy has the mode of what was copied.
    chmodSync(to, 0o600);
    syncFile(to);
  } catch (error) {
    throw new LimpetError('BACKUP_UNREADABLE', `${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** @throws LimpetError BACKUP_UNREADABLE: damaged, of another program, or of a later Limpet. */
function inspect(file: string): BackupContents {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { readOnly: true });
    const one = (sql: string): unknown => Object.values(database?.prepare(sql).get() ?? {})[0];
    if (one('PRAGMA application_id') !== APPLICATION_ID)
      throw new LimpetError('BACKUP_UNREADABLE', 'it is no backup of a Controller');
    const version = Number(one('PRAGMA user_version'));
    if (version > MIGRATIONS.length)
      throw new LimpetError('BACKUP_UNREADABLE', `it has version ${version}, made by a later Limpet`);
    const found = one('PRAGMA integrity_check');
    if (found !== 'ok') throw new LimpetError('BACKUP_UNREADABLE', `it is damaged: ${String(found)}`);
    const vault = database.prepare('SELECT kind, id, value FROM vault').all();
    return {
      revision: Number(one('SELECT coalesce(max(revision), 0) FROM revisions')),
      objects: Number(one('SELECT count(*) FROM objects')),
      masterKeyId: neededKeyId(
        vault.map(({ kind, id, value }) => ({ kind, id, value: JSON.parse(String(value)) }) as VaultRecord),
      ),
    };
  } catch (error) {
    if (error instanceof LimpetError) throw error;
    throw new LimpetError('BACKUP_UNREADABLE', (error as Error).message);
  } finally {
    database?.close();
  }
}

/** @throws LimpetError MASTER_KEY_WRONG, where there is one that does not fit. */
function hasMasterKey(folder: StateFolder, source: MasterKeySource, needed: string | undefined): boolean {
  if (needed === undefined) return true;
  if (readMasterKey(folder, source).found === undefined) return false;
  findMasterKey(folder, source, needed);
  return true;
}

function putInPlace(folder: StateFolder, restored: string): void {
  if (hasStore(folder)) emptyLogOf(folder.database);
  // The log of the former store would be read into this one.
  for (const suffix of ['-wal', '-shm']) rmSync(folder.database + suffix, { force: true });
  syncFolder(folder.path);
  renameSync(restored, folder.database);
  syncFolder(folder.path);
}

/** So that a crash before the rename leaves the former store with all that was in it. */
function emptyLogOf(path: string): void {
  try {
    new DatabaseSync(path).close();
  } catch {
    // It is damaged, which may be why it is replaced.
  }
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
