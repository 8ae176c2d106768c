// The care of a Controller's state: backup while it runs, restore, and another master key, also where the process is killed in the middle.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCommand } from '@limpet/testkit';
import { systemClock } from '../packages/controller/src/lifecycle/clock.ts';
import { systemRandom } from '../packages/controller/src/lifecycle/random.ts';
import { backUp, restore } from '../packages/controller/src/store/back-up.ts';
import {
  assertRejects,
  commitOf,
  pool,
  put,
} from '../packages/controller/src/store/object-store.conformance.ts';
import { type OpenState, openState } from '../packages/controller/src/store/open-state.ts';
import { reseal } from '../packages/controller/src/store/reseal.ts';

const main = resolve(import.meta.dirname, '../packages/cli/src/main.ts');
const SECRET = 'a secret that nobody may find';
/** So many that another master key takes a while. */
const SECRETS = 1000;
const NO_SOURCE = { environment: undefined };

let folder: string;
let state: string;
let backup: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-backup-'));
  [state, backup] = [join(folder, 'state'), join(folder, 'backup.db')];
  const { store, box } = await open(state);
  const objects = Array.from({ length: SECRETS }, (_, at) =>
    pool(`pool-${at}`, { sealed: { key: box.seal(`pool-${at}`, SECRET) } }),
  );
  await store.commit(commitOf(0, put(...objects)));
  await store.close();
});
after(() => rmSync(folder, { recursive: true, force: true }));

function open(path: string, environment?: string): Promise<OpenState> {
  return openState(path, { environment }, { clock: systemClock, random: systemRandom });
}

function limpet(...args: readonly string[]) {
  return runCommand(process.execPath, [main, ...args]);
}

/** Opens, opens every secret, and closes. @returns the revision. */
async function assertAllOpens(path: string, environment?: string): Promise<number> {
  const { store, box, contents } = await open(path, environment);
  try {
    let secrets = 0;
    for (const objects of [contents.objects, await store.objectsAt(1)]) {
      for (const { uuid, sealed } of objects) {
        if (sealed.key === undefined) continue;
        assert.equal(box.open(uuid, sealed.key), SECRET);
        secrets++;
      }
    }
    assert.equal(secrets, 2 * SECRETS);
    return contents.revision;
  } finally {
    await store.close();
  }
}

describe('limpet backup and limpet restore', () => {
  it("write a Controller that goes on writing, as of one revision, and make it another's store", async () => {
    const { store } = await open(state);
    let revision = 1;
    let done = false;
    const writing = (async () => {
      while (!done) {
        const texts = [`pool-${revision}-x`, `pool-${revision}-y`];
        revision = await store.commit(commitOf(revision, put(...texts.map((uuid) => pool(uuid)))));
      }
    })();
    const beforeIt = revision;
    const { code, stdout, stderr } = await limpet('backup', backup, '--state', state);
    done = true;
    await writing;
    assert.equal(code, 0, stderr);
    const told = /^wrote .*: revision (\d+), (\d+) objects; its secrets need master key ([0-9a-f]{16})/.exec(
      stdout,
    );
    const [, atRevision, objects, keyId] = told ?? assert.fail(stdout);
    assert.ok(Number(atRevision) >= beforeIt && Number(atRevision) <= revision, stdout);
    // Two with each revision after the first.
    assert.equal(Number(objects), SECRETS + 2 * (Number(atRevision) - 1));
    assert.equal(statSync(backup).mode & 0o777, 0o600);
    assert.ok(!readFileSync(backup).includes(SECRET));
    assert.ok(!readFileSync(backup).includes(readFileSync(join(state, 'master-key'), 'utf8').trim()));

    const inUse = await limpet('restore', backup, '--state', state, '--force');
    assert.equal(inUse.code, 2);
    assert.match(inUse.stderr, /^another Controller has the store open/);
    await store.close();
    const there = await limpet('restore', backup, '--state', state);
    assert.match(there.stderr, /has a store; --force replaces it/);
    assert.equal(
      (await limpet('backup', backup, '--state', state)).stderr.includes('is there already'),
      true,
    );

    const other = join(folder, 'other');
    const restored = await limpet('restore', backup, '--state', other);
    assert.equal(restored.code, 0, restored.stderr);
    assert.match(restored.stdout, new RegExp(`before it starts it needs master key ${keyId}`));
    assert.equal(statSync(join(other, 'store.db')).mode & 0o777, 0o600);
    await assert.rejects(open(other), new RegExp(`the store needs master key ${keyId}`));
    assert.equal(
      await assertAllOpens(other, readFileSync(join(state, 'master-key'), 'utf8')),
      Number(atRevision),
    );

    // What came after the backup is gone, and with it the former log.
    assert.ok(restore(state, backup, NO_SOURCE, true).masterKeyIsThere);
    assert.equal(await assertAllOpens(state), Number(atRevision));
  });

  it('take no file that is damaged or none of theirs, nor one for another master key, and leave the store as it is', async () => {
    const damaged = join(folder, 'damaged.db');
    const bytes = readFileSync(backup);
    bytes.fill(0xff, 3 * 4096, 60 * 4096);
    writeFileSync(damaged, bytes);
    const text = join(folder, 'text');
    writeFileSync(text, 'no backup');
    const foreign = join(folder, 'foreign');
    await (await open(foreign)).store.close();
    const kept = readdirSync(foreign);
    for (const [file, target, message] of [
      [damaged, state, /the backup cannot be used: /],
      [text, state, /the backup cannot be used: /],
      [join(folder, 'nothing'), state, /is not there/],
      [backup, foreign, /the master key is not the one/],
    ] as const) {
      assert.throws(() => restore(target, file, NO_SOURCE, true), message);
    }
    assert.deepEqual(readdirSync(foreign), kept);
    await (await open(foreign)).store.close();
    await assertAllOpens(state);
    assert.throws(() => backUp(join(folder, 'nowhere'), join(folder, 'x')), /there is none in/);
    assert.ok(!existsSync(join(folder, 'nowhere')));
  });
});

describe('limpet reseal', () => {
  it('is refused while a Controller runs', async () => {
    const { store } = await open(state);
    await assertRejects(reseal(state, NO_SOURCE, undefined, systemRandom), 'STORE_LOCKED');
    await store.close();
  });

  it('leaves every secret readable when it is killed, whenever that is', async () => {
    // Where exactly is the machine's to say; both sides of the transaction are in reseal.test.ts.
    for (const afterMs of [0, 40, 150]) {
      const child = spawn(process.execPath, [main, 'reseal', '--state', state], { stdio: 'ignore' });
      const exited = once(child, 'exit');
      // The next key is written just before the transaction.
      const watcher = watch(state, (_, name) => {
        if (name === 'master-key.next') setTimeout(() => child.kill('SIGKILL'), afterMs);
      });
      await exited;
      watcher.close();
      await assertAllOpens(state);
      assert.ok(!existsSync(join(state, 'master-key.next')));
    }
    const needed = readFileSync(join(state, 'master-key'), 'utf8');
    const { code, stdout, stderr } = await limpet('reseal', '--state', state);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /: master key [0-9a-f]{16} in place of [0-9a-f]{16}; backups from before need the former/,
    );
    await assertAllOpens(state);
    await assert.rejects(open(state, needed), /the master key is not the one/);
    // Nothing is left that the former key would open.
    const told = /master key ([0-9a-f]{16}) in place of ([0-9a-f]{16})/.exec(stdout);
    const [, next, former] = told ?? assert.fail(stdout);
    for (const name of readdirSync(state)) {
      const bytes = readFileSync(join(state, name));
      assert.ok(!bytes.includes(`limpet-sealed:1:${former}`), name);
      if (name === 'store.db') assert.ok(bytes.includes(`limpet-sealed:1:${next}`));
    }
  });

  it('takes the new master key from the environment, where the former one is, too', async () => {
    const [former, next] = [systemRandom.bytes(32), systemRandom.bytes(32)].map((key) =>
      key.toString('base64'),
    );
    const elsewhere = join(folder, 'environment');
    const { store, box } = await open(elsewhere, former);
    const vault = [
      { kind: 'put', record: { kind: 'x', id: '', value: { sealed: box.seal('x', SECRET) } } },
    ] as const;
    await store.commit(commitOf(0, { vault }));
    await store.close();
    process.env.LIMPET_MASTER_KEY = former;
    try {
      const source = { environment: former };
      await assert.rejects(
        reseal(elsewhere, source, undefined, systemRandom),
        /give the new one in LIMPET_NEW/,
      );
      process.env.LIMPET_NEW_MASTER_KEY = next;
      const { code, stderr } = await limpet('reseal', '--state', elsewhere);
      assert.equal(code, 0, stderr);
    } finally {
      delete process.env.LIMPET_MASTER_KEY;
      delete process.env.LIMPET_NEW_MASTER_KEY;
    }
    const opened = await open(elsewhere, next);
    const sealed = opened.contents.vault.find(({ kind }) => kind === 'x')?.value.sealed;
    assert.equal(opened.box.open('x', String(sealed)), SECRET);
    await opened.store.close();
    assert.ok(!existsSync(join(elsewhere, 'master-key')));
  });
});
