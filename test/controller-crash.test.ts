// The Controller's store survives what its process does not: killed in the middle of a thousand writes, it has every one that was acknowledged, and no half one.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { runCommand, startProcess } from '@limpet/testkit';
import type { ObjectStore } from '../packages/controller/src/store/object-store.ts';
import { openSqliteStore } from '../packages/controller/src/store/sqlite-store.ts';

const WRITES = 1000;
const writer = resolve(import.meta.dirname, 'support/store-writer.ts');

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-crash-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Lets the writer go on until so many writes are acknowledged in all, and kills it. @returns the newest that was. */
async function writeAndKill(killAt: number): Promise<number> {
  let acknowledged = 0;
  const read = (line: string): true | undefined => {
    const [what, revision] = line.split(' ');
    if (what === 'ack') acknowledged = Number(revision);
    return acknowledged >= killAt ? true : undefined;
  };
  const { process: running } = await startProcess(
    process.execPath,
    [writer, 'write', folder, String(WRITES)],
    read,
    { timeoutMs: 60_000, onLine: (line) => void read(line) },
  );
  running.child.kill('SIGKILL');
  assert.equal(await running.exited, 'SIGKILL', 'it was not done yet');
  return acknowledged;
}

async function assertWhole(store: ObjectStore): Promise<number> {
  const { revision, objects, vault } = await store.readAll();
  const names = new Set(objects.map(({ uuid }) => uuid));
  for (let at = 1; at <= revision; at++)
    assert.ok(names.has(`pool-${at}-a`) && names.has(`pool-${at}-b`), `revision ${at} is whole`);
  assert.equal(objects.length, revision === 0 ? 0 : 2 * revision + 1, 'and there is nothing beyond');
  assert.equal(objects.find(({ uuid }) => uuid === 'pool-counter')?.body.revision, revision);
  assert.deepEqual(
    vault.map(({ value }) => value.revision),
    [revision],
  );
  assert.deepEqual(await store.objectsAt(revision), objects);
  const history = await store.history({ limit: 3 * WRITES });
  assert.equal(history.length, 3 * revision);
  return revision;
}

describe('a store whose process is killed', () => {
  it('has every write of a thousand that was acknowledged, and no half one, however often that happens', async () => {
    for (const killAt of [1, 150, 400, 700, 950]) {
      const acknowledged = await writeAndKill(killAt);
      const store = await openSqliteStore(folder);
      const revision = await assertWhole(store);
      await store.close();
      assert.ok(revision >= acknowledged, `${acknowledged} was acknowledged, and ${revision} is there`);
    }
    const { code, stderr } = await runCommand(process.execPath, [writer, 'write', folder, String(WRITES)], {
      timeoutMs: 60_000,
    });
    assert.equal(code, 0, stderr);
    const store = await openSqliteStore(folder);
    assert.equal(await assertWhole(store), WRITES);
    await store.close();
    const database = new DatabaseSync(join(folder, 'store.db'));
    assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
    database.close();
  });
});

// Takes a file system of its own, of 2 MB, which is gone with the process.
const confined = ['--user', '--map-root-user', '--mount'];
const canMount = (await runCommand('unshare', [...confined, 'true']).catch(() => ({ code: 1 }))).code === 0;

describe('a store whose disk is full', () => {
  const skip = canMount ? false : 'this machine lets nobody make a file system in a namespace of his own';
  it('says STORE_FULL, keeps what it has, and goes on as soon as there is room', { skip }, async () => {
    const mounted = mkdtempSync(join(folder, 'small-'));
    const script = 'mount -t tmpfs -o size=2m tmpfs "$1" && exec "$2" "$3" fill "$1"';
    const command = ['sh', '-c', script, 'sh', mounted, process.execPath, writer];
    const { code, stdout, stderr } = await runCommand('unshare', [...confined, ...command], {
      timeoutMs: 60_000,
    });
    assert.equal(code, 0, stderr);
    const fills = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { code: string; roomAt: number; revision: number; read: number });
    assert.equal(fills.length, 4);
    for (const { code: reason, roomAt, revision, read } of fills) {
      assert.equal(reason, 'STORE_FULL');
      assert.ok(revision > roomAt, 'it has gone on');
      assert.equal(read, revision, 'all that was acknowledged is there, and no more');
    }
  });
});
