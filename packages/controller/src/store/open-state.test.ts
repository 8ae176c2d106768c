import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../lifecycle/clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { assertRejects } from './object-store.conformance.ts';
import { openState } from './open-state.ts';

const services = { clock: systemClock, random: systemRandom };
const newKey = (): string => systemRandom.bytes(32).toString('base64');

let folders: string;
let state: string;
before(() => {
  folders = mkdtempSync(join(tmpdir(), 'limpet-state-'));
});
after(() => rmSync(folders, { recursive: true, force: true }));
beforeEach(() => {
  state = mkdtempSync(join(folders, 'state-'));
});

/** Opens, seals or opens one text, and closes. */
async function visit(environment?: string, sealed?: string, file?: string): Promise<string> {
  const opened = await openState(state, { environment, file }, services);
  try {
    if (sealed === undefined) return opened.box.seal('test', 'secret');
    assert.equal(opened.box.open('test', sealed), 'secret');
    return sealed;
  } finally {
    await opened.store.close();
  }
}

describe('the state of a Controller', () => {
  it("gets a master key at the first start, its owner's alone, and is opened by it from then on", async () => {
    const first = await openState(state, { environment: undefined }, services);
    assert.equal(first.madeMasterKey, true);
    await first.store.close();
    assert.equal(statSync(join(state, 'master-key')).mode & 0o777, 0o600);
    const sealed = await visit();
    await visit(undefined, sealed);
    const again = await openState(state, { environment: undefined }, services);
    assert.equal(again.madeMasterKey, false);
    await again.store.close();
  });

  it('takes the master key from the environment or another file, and makes none then', async () => {
    const key = newKey();
    const sealed = await visit(key);
    assert.ok(!existsSync(join(state, 'master-key')));
    await visit(`${key}\n`, sealed);
    const file = join(folders, 'elsewhere');
    writeFileSync(file, key, { mode: 0o600 });
    await visit(undefined, sealed, file);
  });

  it('is not opened with a wrong master key or none, says so, and does not make another', async () => {
    const sealed = await visit();
    await assertRejects(visit(newKey()), 'MASTER_KEY_WRONG');
    const file = join(state, 'master-key');
    const text = readFileSync(file, 'utf8');
    rmSync(file);
    await assert.rejects(
      visit(),
      /there is none in .*master-key, and the store needs master key [0-9a-f]{16}/,
    );
    assert.ok(!existsSync(file));
    await visit(text, sealed);
  });

  it('is not opened with a master key that others can read, or that is none', async () => {
    await visit();
    const file = join(state, 'master-key');
    chmodSync(file, 0o640);
    await assert.rejects(visit(), /can be read by others than its owner; "chmod 600/);
    for (const text of ['', 'x', Buffer.alloc(32).toString('base64'), newKey().slice(4)])
      await assert.rejects(visit(text), (error: Error) => {
        assert.match(error.message, /LIMPET_MASTER_KEY is not (base64 of 32 bytes|random)$/);
        return true;
      });
  });
});
