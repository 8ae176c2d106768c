import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../lifecycle/clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { openState } from './open-state.ts';
import { reseal } from './reseal.ts';

const source = { environment: undefined };
const services = { clock: systemClock, random: systemRandom };

let state: string;
let files: { readonly key: string; readonly next: string };
beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), 'limpet-reseal-'));
  files = { key: join(state, 'master-key'), next: join(state, 'master-key.next') };
  await visit();
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

async function visit(): Promise<void> {
  await (await openState(state, source, services)).store.close();
}

describe('a reseal that was killed', () => {
  it('before its transaction is as if it had not been: the next key goes', async () => {
    const key = readFileSync(files.key, 'utf8');
    writeFileSync(files.next, systemRandom.bytes(32).toString('base64'), { mode: 0o600 });
    await visit();
    assert.equal(readFileSync(files.key, 'utf8'), key);
    assert.ok(!existsSync(files.next));
  });

  it('after its transaction is brought to its end: the next key takes its place', async () => {
    const former = readFileSync(files.key);
    await reseal(state, source, undefined, systemRandom);
    const next = readFileSync(files.key);
    writeFileSync(files.next, next, { mode: 0o600 });
    writeFileSync(files.key, former);
    await visit();
    assert.deepEqual(readFileSync(files.key), next);
    assert.ok(!existsSync(files.next));
  });
});
