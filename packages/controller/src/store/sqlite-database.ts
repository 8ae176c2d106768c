// The embedded store, synchronously: one connection to one SQLite file, and a statement for each thing that is done with it.

import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { LimpetError } from '@limpet/model/errors';
import type { JsonObject, JsonValue } from '../json.ts';
import type {
  Commit,
  HistoryEntry,
  HistoryQuery,
  StoreContents,
  StoredEvent,
  StoredObject,
  VaultRecord,
} from './object-store.ts';
import { isSealed } from './secret-box.ts';
import { storeError } from './sqlite-errors.ts';
import { migrate } from './sqlite-schema.ts';

/** Events beyond it are dropped, oldest first. */
export const EVENTS_MAX = 20_000;

/** Nobody else writes; a backup holds up nothing but the emptying of the log. */
const LOCK_TIMEOUT_MS = 250;

type Row = Record<string, SQLOutputValue>;

export class SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  /** @throws LimpetError STORE_UNREADABLE, STORE_FULL, STORE_FAILED */
  constructor(path: string) {
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path, { timeout: LOCK_TIMEOUT_MS });
      configure(database);
      migrate(database);
      this.#statements = prepareStatements(database);
      this.#database = database;
    } catch (error) {
      if (database?.isOpen) database.close();
      throw storeError(error);
    }
  }

  readAll(): StoreContents {
    return this.#read(() => ({
      revision: this.#revision(),
      objects: this.#statements.objects.all().map(objectOf),
      vault: this.#statements.vault.all().map(vaultRecordOf),
    }));
  }

  commit(commit: Commit): number {
    return this.#write(() => {
      const newest = this.#revision();
      if (commit.expectedRevision !== undefined && commit.expectedRevision !== newest) {
        throw new LimpetError(
          'STORE_CONFLICT',
          `they are at revision ${newest}, and the change is of revision ${commit.expectedRevision}`,
        );
      }
      this.#editVault(commit);
      if (commit.objects.length === 0) return newest;
      this.#editObjects(commit, newest + 1);
      return newest + 1;
    });
  }

  history(query: HistoryQuery): readonly HistoryEntry[] {
    return this.#read(() => {
      const rows = this.#statements.history.all({
        type: query.type ?? null,
        uuid: query.uuid ?? null,
        before: query.beforeRevision ?? Number.MAX_SAFE_INTEGER,
        limit: query.limit + 1,
      });
      if (rows.length <= query.limit) return rows.map(historyEntryOf);
      // A page ends between revisions, so that the next one, which begins before the last revision of this, leaves nothing out.
      const cut = Number(rows.at(-1)?.revision);
      const whole = rows.filter(({ revision }) => Number(revision) !== cut);
      if (whole.length > 0) return whole.map(historyEntryOf);
      return this.#statements.historyOfRevision
        .all({ type: query.type ?? null, uuid: query.uuid ?? null, revision: cut })
        .map(historyEntryOf);
    });
  }

  objectsAt(revision: number): readonly StoredObject[] {
    return this.#read(() => this.#statements.objectsAt.all(revision).map(objectOf));
  }

  appendEvents(events: readonly StoredEvent[]): void {
    if (events.length === 0) return;
    this.#write(() => {
      // No more than stay.
      for (const { atUs, eventId, details } of events.slice(-EVENTS_MAX))
        this.#statements.appendEvent.run(atUs, eventId, JSON.stringify(details));
      this.#statements.dropEvents.run(EVENTS_MAX);
    });
  }

  readEvents({
    beforeUs,
    limit,
  }: {
    readonly beforeUs?: number;
    readonly limit: number;
  }): readonly StoredEvent[] {
    return this.#read(() => {
      const rows = this.#statements.events.all(beforeUs ?? Number.MAX_SAFE_INTEGER, limit);
      const last = rows.at(-1);
      // As of history: the next page begins before the time of this one's last, and several come in one microsecond.
      if (last !== undefined && rows.length === limit)
        rows.push(...this.#statements.eventsOfSameTime.all(Number(last.at_us), Number(last.id)));
      return rows.map((row) => ({
        atUs: Number(row.at_us),
        eventId: String(row.event_id),
        details: json(row.details),
      }));
    });
  }

  /** Every sealed text of the store, history included, once each. */
  sealedTexts(): readonly string[] {
    return this.#read(() => {
      const found = new Set<string>();
      for (const { value } of this.#statements.sealedValues.iterate()) collectSealed(json(value), found);
      return [...found];
    });
  }

  /**
   * Replaces them all in one transaction. Then the file is written anew, so that nothing of the former is left in it.
   *
   * @throws LimpetError STORE_CONFLICT: a text has been added since they were read.
   */
  replaceSealed(replacements: ReadonlyMap<string, string>): void {
    this.#write(() => {
      for (const { read, update } of this.#statements.resealing) {
        for (const { key, kind, value } of read.all()) {
          const keys = kind === undefined ? [key as number] : [String(kind), String(key)];
          update.run(JSON.stringify(replaceSealed(json(value), replacements)), ...keys);
        }
      }
    });
    try {
      this.#database.exec('VACUUM');
    } catch {
      // There is no room for a second file: all is resealed, and what is left of the former texts goes as pages are used again.
    }
    this.emptyLog();
  }

  /**
   * Sees to it that no byte of the file is of a vault record that is no more. What is deleted is overwritten, but SQLite leaves copies in the unused
   * parts of pages that it has split; so the table is emptied, which overwrites its pages whole, and filled again.
   */
  sweepVault(): void {
    this.#write(() => {
      const rows = this.#statements.vault.all();
      this.#database.exec('DELETE FROM vault');
      for (const { kind, id, value } of rows)
        this.#statements.putVault.run(String(kind), String(id), String(value));
    });
    this.emptyLog();
  }

  /** Moves what the log holds into the file, and what it held of former states out of it. */
  emptyLog(): void {
    try {
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // A backup reads, or there is no room: the next one does it.
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #revision(): number {
    return Number(this.#statements.revision.get()?.revision);
  }

  #editVault({ vault }: Commit): void {
    for (const edit of vault) {
      if (edit.kind === 'put') {
        const { kind, id, value } = edit.record;
        this.#statements.putVault.run(kind, id, JSON.stringify(value));
      } else {
        this.#statements.deleteVault.run(edit.recordKind, edit.id);
      }
    }
  }

  #editObjects({ atUs, actor, summary, objects }: Commit, revision: number): void {
    this.#statements.addRevision.run(revision, atUs, actor.user, actor.address ?? null, summary);
    for (const edit of objects) {
      if (edit.kind === 'put') {
        const { type, uuid, tenantUuid, name, body, sealed, lastModifiedUs } = edit.object;
        const texts = [JSON.stringify(body), JSON.stringify(sealed)] as const;
        const row = this.#statements.putObject.get(type, uuid, tenantUuid, name, ...texts, lastModifiedUs);
        const id = Number(row?.id);
        this.#statements.addVersion.run(revision, id, type, uuid, tenantUuid, name, ...texts, lastModifiedUs);
      } else {
        const row = this.#statements.deleteObject.get(edit.type, edit.uuid);
        // What is not there needs no entry that it is gone.
        if (row === undefined) continue;
        const { id, type, uuid, tenant_uuid, name } = row as Row;
        this.#statements.addVersion.run(
          ...[revision, Number(id), String(type), String(uuid), String(tenant_uuid), String(name)],
          ...[null, '{}', atUs],
        );
      }
    }
  }

  #read<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw storeError(error);
    }
  }

  #write<T>(action: () => T): T {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const result = action();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // After some errors SQLite has rolled back by itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw storeError(error);
    }
  }
}

function configure(database: DatabaseSync): void {
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
  // A key that was destroyed is not to be found in a free page, be it sealed.
  database.exec('PRAGMA secure_delete = ON');
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: DatabaseSync) {
  const historyColumns = `SELECT r.revision, r.at_us, r.user, r.address, r.summary, v.type, v.uuid, v.name, v.body
    FROM versions v JOIN revisions r USING (revision)
    WHERE (:type IS NULL OR v.type = :type) AND (:uuid IS NULL OR v.uuid = :uuid)`;
  const columnsWithSealed = ['objects', 'versions'].map((table) => ({
    read: database.prepare(`SELECT id AS key, sealed AS value FROM ${table} WHERE sealed <> '{}'`),
    update: database.prepare(`UPDATE ${table} SET sealed = ? WHERE id = ?`),
  }));
  const vaultValues = {
    read: database.prepare('SELECT kind, id AS key, value FROM vault'),
    update: database.prepare('UPDATE vault SET value = ? WHERE kind = ? AND id = ?'),
  };
  return {
    resealing: [...columnsWithSealed, vaultValues],
    revision: database.prepare('SELECT coalesce(max(revision), 0) AS revision FROM revisions'),
    objects: database.prepare('SELECT * FROM objects ORDER BY id'),
    vault: database.prepare('SELECT * FROM vault ORDER BY kind, id'),
    addRevision: database.prepare(
      'INSERT INTO revisions (revision, at_us, user, address, summary) VALUES (?, ?, ?, ?, ?)',
    ),
    putObject: database.prepare(
      `INSERT INTO objects (type, uuid, tenant_uuid, name, body, sealed, last_modified_us) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (type, uuid) DO UPDATE SET tenant_uuid = excluded.tenant_uuid, name = excluded.name,
         body = excluded.body, sealed = excluded.sealed, last_modified_us = excluded.last_modified_us
       RETURNING id`,
    ),
    deleteObject: database.prepare('DELETE FROM objects WHERE type = ? AND uuid = ? RETURNING *'),
    addVersion: database.prepare(
      `INSERT INTO versions (revision, object_id, type, uuid, tenant_uuid, name, body, sealed, last_modified_us)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    putVault: database.prepare(
      'INSERT INTO vault (kind, id, value) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value',
    ),
    deleteVault: database.prepare('DELETE FROM vault WHERE kind = ? AND id = ?'),
    history: database.prepare(
      `${historyColumns} AND v.revision < :before ORDER BY v.revision DESC, v.id DESC LIMIT :limit`,
    ),
    historyOfRevision: database.prepare(`${historyColumns} AND v.revision = :revision ORDER BY v.id DESC`),
    // The newest version of each object up to the revision, by the index alone; then only those rows are read.
    objectsAt: database.prepare(
      `SELECT v.* FROM versions v
       JOIN (SELECT max(id) AS id FROM versions INDEXED BY versions_by_object
             WHERE revision <= ? GROUP BY type, uuid) newest USING (id)
       WHERE v.body IS NOT NULL ORDER BY v.object_id`,
    ),
    appendEvent: database.prepare('INSERT INTO events (at_us, event_id, details) VALUES (?, ?, ?)'),
    dropEvents: database.prepare('DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?'),
    events: database.prepare('SELECT * FROM events WHERE at_us < ? ORDER BY id DESC LIMIT ?'),
    eventsOfSameTime: database.prepare('SELECT * FROM events WHERE at_us = ? AND id < ? ORDER BY id DESC'),
    sealedValues: database.prepare(
      `SELECT sealed AS value FROM objects WHERE sealed <> '{}'
       UNION ALL SELECT sealed FROM versions WHERE sealed <> '{}' UNION ALL SELECT value FROM vault`,
    ),
  };
}

function json(value: SQLOutputValue | undefined): JsonObject {
  return JSON.parse(String(value)) as JsonObject;
}

function objectOf(row: Row): StoredObject {
  return {
    type: String(row.type),
    uuid: String(row.uuid),
    tenantUuid: String(row.tenant_uuid),
    name: String(row.name),
    body: json(row.body),
    sealed: json(row.sealed) as Record<string, string>,
    lastModifiedUs: Number(row.last_modified_us),
  };
}

function vaultRecordOf(row: Row): VaultRecord {
  return { kind: String(row.kind), id: String(row.id), value: json(row.value) };
}

function historyEntryOf(row: Row): HistoryEntry {
  return {
    revision: Number(row.revision),
    atUs: Number(row.at_us),
    actor: { user: String(row.user), ...(row.address === null ? {} : { address: String(row.address) }) },
    summary: String(row.summary),
    type: String(row.type),
    uuid: String(row.uuid),
    name: String(row.name),
    ...(row.body === null ? {} : { body: json(row.body) }),
  };
}

function collectSealed(value: JsonValue, found: Set<string>): void {
  if (typeof value === 'string') {
    if (isSealed(value)) found.add(value);
  } else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) collectSealed(inner, found);
  }
}

function replaceSealed(value: JsonValue, replacements: ReadonlyMap<string, string>): JsonValue {
  if (typeof value === 'string') {
    if (!isSealed(value)) return value;
    const replaced = replacements.get(value);
    if (replaced === undefined) throw new LimpetError('STORE_CONFLICT', 'a secret was added meanwhile');
    return replaced;
  }
  if (Array.isArray(value)) return value.map((inner: JsonValue) => replaceSealed(inner, replacements));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, replaceSealed(inner, replacements)]),
  );
}
