// The tables of the embedded store, as the steps that lead from each version of them to the next.

import type { DatabaseSync } from 'node:sqlite';
import { LimpetError } from '@limpet/model/errors';

/** "LIMP", by which `file` and a restore tell a store from any other database. */
export const APPLICATION_ID = 0x4c494d50;

/** Step n leads from version n to n + 1, which is PRAGMA user_version. One that was released is never changed. */
export const MIGRATIONS: readonly string[] = [
  // The order of objects.id is that of creation; a change of an object keeps it.
  `CREATE TABLE objects (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     type TEXT NOT NULL, uuid TEXT NOT NULL, tenant_uuid TEXT NOT NULL, name TEXT NOT NULL,
     body TEXT NOT NULL, sealed TEXT NOT NULL, last_modified_us INTEGER NOT NULL,
     UNIQUE (type, uuid)) STRICT;
   CREATE TABLE revisions (
     revision INTEGER PRIMARY KEY,
     at_us INTEGER NOT NULL, user TEXT NOT NULL, address TEXT, summary TEXT NOT NULL) STRICT;
   CREATE TABLE versions (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     revision INTEGER NOT NULL REFERENCES revisions, object_id INTEGER NOT NULL,
     type TEXT NOT NULL, uuid TEXT NOT NULL, tenant_uuid TEXT NOT NULL, name TEXT NOT NULL,
     body TEXT, sealed TEXT NOT NULL, last_modified_us INTEGER NOT NULL) STRICT;
   CREATE INDEX versions_by_revision ON versions (revision);
   CREATE TABLE vault (
     kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID;`,
  // The history of one object, and all objects at a revision, without a look at every version of every object.
  `CREATE INDEX versions_by_object ON versions (type, uuid, revision);
   CREATE TABLE events (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     at_us INTEGER NOT NULL, event_id TEXT NOT NULL, details TEXT NOT NULL) STRICT;`,
];

/**
 * Brings the tables to the newest version, each step in a transaction of its own.
 *
 * @throws LimpetError STORE_UNREADABLE: another program's database, or one of a later Limpet.
 */
export function migrate(database: DatabaseSync, upTo = MIGRATIONS.length): void {
  const read = (pragma: string): number =>
    Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() as Record<string, unknown>)[0]);
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (!isEmpty && read('application_id') !== APPLICATION_ID)
    throw new LimpetError('STORE_UNREADABLE', 'it is a database of another program');
  const version = read('user_version');
  if (version > MIGRATIONS.length) {
    throw new LimpetError(
      'STORE_UNREADABLE',
      `it has version ${version}, made by a later Limpet; this one knows up to ${MIGRATIONS.length}`,
    );
  }
  for (let at = version; at < upTo; at++) {
    database.exec(
      `BEGIN IMMEDIATE; ${MIGRATIONS[at]}; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${at + 1}; COMMIT`,
    );
  }
}
