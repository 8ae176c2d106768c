import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { systemRandom } from '../lifecycle/random.ts';
import { assertRejects, commitOf, describeObjectStore, pool, put } from './object-store.conformance.ts';
import { createSecretBox } from './secret-box.ts';
import { EVENTS_MAX } from './sqlite-database.ts';
import { MIGRATIONS, migrate } from './sqlite-schema.ts';
import { openSqliteStore } from './sqlite-store.ts';

describeObjectStore('embedded', EVENTS_MAX, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-store-'));
  return {
    open: () => openSqliteStore(folder),
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

describe('the files of the embedded store', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'limpet-store-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("are their owner's alone, in a folder that is made, and hold no secret anywhere", async () => {
    const state = join(folder, 'new', 'state');
    const box = createSecretBox(systemRandom.bytes(32), systemRandom);
    const secret = 'a secret that nobody may find';
    const store = await openSqliteStore(state);
    const sealed = { key: box.seal('Pool/pool-a/key', secret) };
    await store.commit(commitOf(0, put(pool('pool-a', { sealed }))));
    const record = { kind: 'ring', id: '1', value: { sealed: box.seal('ring', secret) } };
    await store.commit(commitOf(1, { vault: [{ kind: 'put', record }] }));
    const assertSealed = (names: readonly string[]): void => {
      assert.deepEqual(readdirSync(state).toSorted(), names);
      for (const name of names) {
        assert.equal(statSync(join(state, name)).mode & 0o777, 0o600, name);
        const bytes = readFileSync(join(state, name));
        for (const coding of ['utf8', 'hex', 'base64'] as const)
          assert.equal(bytes.indexOf(Buffer.from(secret).toString(coding).slice(0, 12)), -1, name);
      }
    };
    assertSealed(['store.db', 'store.db-shm', 'store.db-wal', 'store.lock']);
    assert.ok(
      readFileSync(join(state, 'store.db-wal')).includes('limpet-sealed:1:'),
      'it is looked for where it is',
    );
    await store.close();
    assertSealed(['store.db', 'store.lock']);
    assert.equal(statSync(state).mode & 0o777, 0o700);
  });

  it('hold nothing of vault records that were destroyed or replaced, once the store is closed', async () => {
    const state = join(folder, 'destroyed');
    const store = await openSqliteStore(state);
    const put = (at: number, word: string) => {
      // Of lengths and in an order at which SQLite splits pages, which leaves copies.
      const value = { sealed: `${word}-${at}-`.repeat(5 + (at % 40)) };
      return { kind: 'put', record: { kind: 'ring', id: String((at * 7919) % 1009), value } } as const;
    };
    const all = Array.from({ length: 500 }, (_, at) => at);
    await store.commit(commitOf(0, { vault: all.map((at) => put(at, 'former')) }));
    await store.commit(
      commitOf(0, {
        vault: all.map((at) => {
          const { record } = put(at, 'former');
          return at % 2 === 0 ? put(at, 'latter') : { kind: 'delete', recordKind: 'ring', id: record.id };
        }),
      }),
    );
    assert.ok(
      readFileSync(join(state, 'store.db-wal')).includes('former-1-'),
      'it is looked for where it was',
    );
    await store.close();
    for (const name of readdirSync(state))
      assert.ok(!readFileSync(join(state, name)).includes('former-'), name);
    assert.ok(readFileSync(join(state, 'store.db')).includes('latter-2-'));
  });

  it('of version 1 are brought to the newest version with all that is in them', async () => {
    const state = join(folder, 'old');
    await (await openSqliteStore(state)).close();
    rmSync(join(state, 'store.db'));
    const old = new DatabaseSync(join(state, 'store.db'));
    migrate(old, 1);
    old.exec(`INSERT INTO objects VALUES (1, 'Pool', 'pool-a', 'admin', 'pool-a', '{"name":"pool-a"}', '{}', 5);
      INSERT INTO revisions VALUES (1, 7, 'admin', NULL, 'POST /api/pool');
      INSERT INTO versions VALUES (1, 1, 1, 'Pool', 'pool-a', 'admin', 'pool-a', '{"name":"pool-a"}', '{}', 5);
      INSERT INTO vault VALUES ('ring', '1', '{}')`);
    assert.deepEqual({ ...old.prepare('PRAGMA user_version').get() }, { user_version: 1 });
    old.close();
    const store = await openSqliteStore(state);
    const object = pool('pool-a', { body: { name: 'pool-a' }, lastModifiedUs: 5 });
    const vault = [{ kind: 'ring', id: '1', value: {} }];
    assert.deepEqual(await store.readAll(), { revision: 1, objects: [object], vault });
    assert.deepEqual(await store.objectsAt(1), [object]);
    assert.equal((await store.history({ limit: 1 }))[0]?.summary, 'POST /api/pool');
    await store.appendEvents([{ atUs: 1, eventId: 'SE_UP', details: {} }]);
    assert.equal((await store.readEvents({ limit: 1 })).length, 1);
    await store.close();
    const migrated = new DatabaseSync(join(state, 'store.db'), { readOnly: true });
    assert.deepEqual(
      { ...migrated.prepare('PRAGMA user_version').get() },
      { user_version: MIGRATIONS.length },
    );
    migrated.close();
  });

  it('are refused when another program or a later Limpet made them, or when they are damaged, and are left as they are', async () => {
    const state = join(folder, 'strange');
    const file = join(state, 'store.db');
    await (await openSqliteStore(state)).close();
    const change = (statement: string): void => {
      const database = new DatabaseSync(file);
      database.exec(statement);
      database.close();
    };
    change(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    await assert.rejects(openSqliteStore(state), /made by a later Limpet/);
    change('PRAGMA application_id = 5');
    await assert.rejects(openSqliteStore(state), /another program/);
    writeFileSync(file, 'this is no database'.repeat(100));
    await assertRejects(openSqliteStore(state), 'STORE_UNREADABLE');
    assert.match(readFileSync(file, 'utf8'), /^this is no database/);
    const inTheWay = join(folder, 'file');
    writeFileSync(inTheWay, '');
    await assertRejects(openSqliteStore(join(inTheWay, 'state')), 'STORE_UNREADABLE');
  });
});
