// The state folder: the files in which a Controller keeps what outlives it, and the lock that one process has on them.

import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { LimpetError } from '@limpet/model/errors';

export interface StateFolder {
  readonly path: string;
  readonly database: string;
  readonly lock: string;
  readonly masterKey: string;
  /** A master key that a reseal is about to put in place. */
  readonly nextMasterKey: string;
}

export function stateFolder(path: string): StateFolder {
  return Object.freeze({
    path,
    database: join(path, 'store.db'),
    lock: join(path, 'store.lock'),
    masterKey: join(path, 'master-key'),
    nextMasterKey: join(path, 'master-key.next'),
  });
}

/** @throws LimpetError STORE_UNREADABLE */
export function makeStateFolder({ path }: StateFolder): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new LimpetError('STORE_UNREADABLE', `${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/**
 * Takes the folder for this process, until it is given back or the process is gone. The lock is SQLite's own on an empty database
 * beside the store: the kernel drops it with the process, Node has no flock, and the store itself stays readable for a backup.
 *
 * @throws LimpetError STORE_LOCKED: another process has it.
 */
export function lockStateFolder({ path, lock }: StateFolder): { release(): void } {
  makePrivateFile(lock);
  const database = new DatabaseSync(lock, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === 5) throw new LimpetError('STORE_LOCKED', path);
    throw new LimpetError('STORE_UNREADABLE', `${lock}: ${(error as Error).message}`);
  }
  return {
    release: () => {
      if (database.isOpen) database.close();
    },
  };
}

/** So that SQLite, which goes by the umask, finds a file that is its owner's alone. Its -wal and -shm get the same mode. */
export function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600));
  } catch (error) {
    throw new LimpetError('STORE_UNREADABLE', `${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** Makes names in the folder durable. */
export function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Whether there is a store, be it from a Controller that was killed at its first start. */
export function hasStore({ database }: StateFolder): boolean {
  return (statSync(database, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
