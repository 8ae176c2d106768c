import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LimpetError } from '@limpet/model/errors';
import fc from 'fast-check';
import { systemRandom } from '../lifecycle/random.ts';
import { createResealing, createSecretBox, isSealed, keyIdOf, masterKeyId } from './secret-box.ts';

const masterKey = systemRandom.bytes(32);
const box = createSecretBox(masterKey, systemRandom);

function assertUnreadable(action: () => unknown): void {
  assert.throws(action, (error) => error instanceof LimpetError && error.code === 'SECRET_UNREADABLE');
}

describe('the secret box', () => {
  it('gives back what was sealed, of any length and content', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 500 }), fc.string(), (secret, purpose) => {
        const sealed = box.seal(purpose, secret);
        assert.ok(isSealed(sealed));
        assert.equal(box.open(purpose, sealed), secret);
      }),
    );
  });

  it('seals the same secret differently each time, and shows nothing of it', () => {
    const [one, other] = [box.seal('a', 'a long secret text'), box.seal('a', 'a long secret text')];
    assert.notEqual(one, other);
    assert.notEqual(one.slice(40, 90), other.slice(40, 90));
    assert.doesNotMatch(Buffer.from(one.slice(33), 'base64url').toString('latin1'), /secret/);
  });

  it('opens nothing for another purpose', () => {
    assertUnreadable(() => box.open('Pool/b/key', box.seal('Pool/a/key', 'secret')));
  });

  it('opens nothing that was changed anywhere', () => {
    const sealed = box.seal('a', 'secret');
    for (let at = 0; at < sealed.length; at++) {
      const other = sealed[at] === 'A' ? 'Q' : 'A';
      const changed = sealed.slice(0, at) + other + sealed.slice(at + 1);
      // The last characters of base64 have bits that mean nothing.
      if (
        Buffer.from(changed.slice(33), 'base64url').equals(Buffer.from(sealed.slice(33), 'base64url')) &&
        at > 33
      )
        continue;
      assertUnreadable(() => box.open('a', changed));
    }
    assertUnreadable(() => box.open('a', sealed.slice(0, -8)));
    assertUnreadable(() => box.open('a', 'secret'));
  });

  it('says which master key a text needs', () => {
    const other = systemRandom.bytes(32);
    const sealed = createSecretBox(other, systemRandom).seal('a', 'secret');
    assert.equal(keyIdOf(sealed), masterKeyId(other));
    assert.throws(() => box.open('a', sealed), new RegExp(`under master key ${masterKeyId(other)}`));
  });

  it('takes another master key without knowing purposes, and the former opens nothing any more', () => {
    const next = systemRandom.bytes(32);
    const reseal = createResealing(masterKey, next, systemRandom);
    const sealed = box.seal('a', 'secret');
    const resealed = reseal(sealed);
    assert.equal(createSecretBox(next, systemRandom).open('a', resealed), 'secret');
    assert.equal(reseal(resealed), resealed);
    assertUnreadable(() => box.open('a', resealed));
    assertUnreadable(() => createSecretBox(next, systemRandom).open('b', resealed));
  });

  it('takes no master key of another length', () => {
    assert.throws(() => createSecretBox(Buffer.alloc(31), systemRandom), /31 bytes, not 32/);
  });
});
