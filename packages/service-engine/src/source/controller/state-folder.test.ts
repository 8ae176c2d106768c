import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemRandom } from '../../lifecycle/random.ts';
import { StateFolder } from './state-folder.ts';

describe('the state folder of an engine', () => {
  let folder: string;
  const open = (key?: Buffer): StateFolder => new StateFolder(join(folder, 'state'), systemRandom, key);
  const path = (name: string): string => join(folder, 'state', name);
  const value = { secret: 'BEGIN PRIVATE KEY', rings: ['key material'] };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'limpet-state-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives back what was written, to this user alone, and shows nobody what is sealed', () => {
    open().writeSealed('configuration', value);
    open().writeIdentity({ engineUuid: 'e' } as never);
    assert.deepEqual(open().readSealed('configuration'), value);
    assert.deepEqual(open().readIdentity(), { engineUuid: 'e' });
    for (const name of readdirSync(path(''))) {
      assert.equal(statSync(path(name)).mode & 0o777, 0o600, name);
      const bytes = readFileSync(path(name));
      assert.ok(!bytes.includes('PRIVATE') && !bytes.includes('material'), name);
    }
    assert.equal(statSync(path('')).mode & 0o777, 0o700);
  });

  it('has no identity and no cache before there is one', () => {
    assert.equal(open().readIdentity(), undefined);
    assert.equal(open().readSealed('rings'), undefined);
  });

  it('keeps the key elsewhere where one is given', () => {
    const key = systemRandom.bytes(32);
    open(key).writeSealed('rings', value);
    assert.ok(!existsSync(path('cache.key')));
    assert.deepEqual(open(key).readSealed('rings'), value);
    assert.equal(open(systemRandom.bytes(32)).readSealed('rings'), undefined);
    assert.throws(() => open(Buffer.from('short')), { code: 'STATE_UNREADABLE' });
  });

  it('takes for no cache what was altered, cut off, or is another part', () => {
    const state = open();
    state.writeSealed('rings', value);
    const sealed = readFileSync(path('rings.sealed'));
    for (let at = 0; at < sealed.length; at++) {
      const altered = Buffer.from(sealed);
      altered[at] = (altered[at] as number) ^ 1;
      writeFileSync(path('rings.sealed'), altered);
      assert.equal(state.readSealed('rings'), undefined, `byte ${at}`);
    }
    writeFileSync(path('rings.sealed'), sealed.subarray(0, 20));
    assert.equal(state.readSealed('rings'), undefined);
    writeFileSync(path('configuration.sealed'), sealed);
    assert.equal(state.readSealed('configuration'), undefined);
  });

  it('keeps what is there where the disk has room for a part only', () => {
    open().writeSealed('rings', value);
    const script = `
      import { systemRandom } from ${JSON.stringify(new URL('../../lifecycle/random.ts', import.meta.url))};
      import { StateFolder } from ${JSON.stringify(new URL('state-folder.ts', import.meta.url))};
      new StateFolder(${JSON.stringify(join(folder, 'state'))}, systemRandom, undefined).writeSealed('rings', 'x'.repeat(100_000));`;
    // No file may have more than 8 kB there, whichever unit the shell counts in.
    const command = 'ulimit -f 8; exec "$0" --input-type=module-typescript --eval "$1"';
    const { status, stderr } = spawnSync('sh', ['-c', command, process.execPath, script], {
      encoding: 'utf8',
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /STATE_UNREADABLE/);
    assert.deepEqual(open().readSealed('rings'), value);
  });

  it('is named where it cannot be used', () => {
    writeFileSync(join(folder, 'state'), '');
    assert.throws(
      () => open(),
      (error: Error) => error.message.includes(join(folder, 'state')),
    );
  });
});
