import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom } from '../lifecycle/random.ts';
import { hashPassword, isPasswordHash, verifyPassword } from './password.ts';

describe('a password', () => {
  it('is verified by its hash, and no other is', async () => {
    const kept = await hashPassword('correct horse', systemRandom);
    assert.ok(isPasswordHash(kept));
    assert.ok(!kept.includes('correct'));
    assert.deepEqual(
      await Promise.all(['correct horse', 'correct horse ', ''].map((one) => verifyPassword(one, kept))),
      [true, false, false],
    );
  });

  it('has another hash each time, and the parameters stand in it', async () => {
    const [one, other] = await Promise.all([
      hashPassword('a', systemRandom),
      hashPassword('a', systemRandom),
    ]);
    assert.notEqual(one, other);
    assert.match(one, /^\$scrypt\$n=32768,r=8,p=3\$/);
    assert.ok(await verifyPassword('a', other));
  });

  it('is the same whether its letters were composed or not', async () => {
    const kept = await hashPassword('caf\u00e9', systemRandom);
    assert.ok(await verifyPassword('cafe\u0301', kept));
  });

  it('is verified by nothing that is no hash, or one whose memory would be too much', async () => {
    const kept = await hashPassword('a', systemRandom);
    for (const text of ['', 'a', '<sensitive>', kept.slice(1), kept.replace('n=32768', 'n=16777216')])
      assert.equal(await verifyPassword('a', text), false);
    assert.ok(!isPasswordHash('a'));
  });

  it('is hashed beside what else there is to do', async () => {
    let turns = 0;
    const turn = setInterval(() => turns++, 1);
    await hashPassword('a', systemRandom);
    clearInterval(turn);
    assert.ok(turns > 1, `${turns} turns of the event loop`);
  });
});
