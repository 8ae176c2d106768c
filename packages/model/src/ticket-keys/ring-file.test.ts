import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { LimpetError } from '../errors.ts';
import { parseRingKeys, serializeRingKeys } from './ring-file.ts';
import {
  createRingKeys,
  RING_KEYS_MAX,
  replaceRingKeys,
  retimeRingKeys,
  rotateRingKeys,
} from './ring-keys.ts';

const cryptoRandom = { bytes: randomBytes };

const NOW_S = 1_800_000_000;

/** A ring file with one field replaced. */
function tampered(change: (file: Record<string, unknown>) => void): string {
  const file = JSON.parse(serializeRingKeys(createRingKeys(cryptoRandom, NOW_S))) as Record<string, unknown>;
  change(file);
  return JSON.stringify(file);
}

function refusalOf(text: string): string {
  try {
    parseRingKeys(text);
  } catch (error) {
    assert.ok(error instanceof LimpetError);
    assert.equal(error.code, 'KEYS_INVALID');
    return error.message;
  }
  return assert.fail('the ring was accepted');
}

describe('the ring file', () => {
  it('is read as it was written', () => {
    const keys = rotateRingKeys(createRingKeys(cryptoRandom, NOW_S), cryptoRandom, NOW_S + 100);
    assert.deepEqual(parseRingKeys(serializeRingKeys(keys)), keys);
  });

  it('makes the next key current when it is rotated, and keeps the former one for opening', () => {
    const before = createRingKeys(cryptoRandom, NOW_S);
    const after = rotateRingKeys(before, cryptoRandom, NOW_S + 100);
    assert.ok(after.current.key.equals(before.next.key));
    assert.ok(after.previous[0]?.key.equals(before.current.key));
    assert.equal(after.rotations, 1);
    assert.equal(after.rotatedAtS, NOW_S + 100);
    assert.ok(after.affinitySecret.equals(before.affinitySecret), 'client keys outlive rotation');
  });

  it('refuses a second rotation within 60 s unless it is forced', () => {
    const once = rotateRingKeys(createRingKeys(cryptoRandom, NOW_S), cryptoRandom, NOW_S + 100);
    assert.throws(() => rotateRingKeys(once, cryptoRandom, NOW_S + 159), { code: 'KEYS_TOO_SOON' });
    assert.equal(rotateRingKeys(once, cryptoRandom, NOW_S + 160).rotations, 2);
    assert.equal(rotateRingKeys(once, cryptoRandom, NOW_S + 101, true).rotations, 2);
  });

  it('drops a previous key when no ticket under it can be alive (R5)', () => {
    let keys = createRingKeys(cryptoRandom, NOW_S, 1000, 600);
    const first = keys.current.key;
    keys = rotateRingKeys(keys, cryptoRandom, NOW_S + 600);
    keys = rotateRingKeys(keys, cryptoRandom, NOW_S + 1200);
    assert.ok(
      keys.previous.some(({ key }) => key.equals(first)),
      'retired 600 s ago, needed for 1000 s',
    );
    keys = rotateRingKeys(keys, cryptoRandom, NOW_S + 1800);
    assert.ok(!keys.previous.some(({ key }) => key.equals(first)), 'retired 1200 s ago');
  });

  it('refuses to rotate away a key that is still needed, unless it is forced', () => {
    let keys = createRingKeys(cryptoRandom, NOW_S, 86_400, 21_600);
    let nowS = NOW_S;
    for (let rotation = 0; rotation < RING_KEYS_MAX - 2; rotation++) {
      nowS += 61;
      keys = rotateRingKeys(keys, cryptoRandom, nowS);
    }
    assert.throws(() => rotateRingKeys(keys, cryptoRandom, nowS + 61), { code: 'KEYS_TOO_SOON' });
    assert.equal(2 + rotateRingKeys(keys, cryptoRandom, nowS + 61, true).previous.length, RING_KEYS_MAX);
  });

  it('leaves nothing of a ring that somebody else may know, and counts on', () => {
    const before = rotateRingKeys(createRingKeys(cryptoRandom, NOW_S, 3600, 600), cryptoRandom, NOW_S + 100);
    const after = replaceRingKeys(before, cryptoRandom, NOW_S + 101);
    const known = new Set(
      [before.next, before.current, ...before.previous].map(({ key }) => key.toString('hex')),
    );
    for (const { key } of [after.next, after.current, ...after.previous])
      assert.ok(!known.has(key.toString('hex')));
    assert.ok(!after.affinitySecret.equals(before.affinitySecret));
    assert.equal(after.rotations, 2);
    assert.deepEqual([after.ticketLifetimeS, after.rotatePeriodS], [3600, 600]);
  });

  it('keeps its keys when lifetime or period change, and refuses those that would need more than 16', () => {
    const before = createRingKeys(cryptoRandom, NOW_S);
    const after = retimeRingKeys(before, 3600, 600);
    assert.deepEqual(after, { ...before, ticketLifetimeS: 3600, rotatePeriodS: 600, rotations: 1 });
    assert.throws(() => retimeRingKeys(before, 86_400, 60), { code: 'KEYS_INVALID' });
  });

  it('refuses a lifetime and a period that need more than 16 keys', () => {
    assert.throws(() => createRingKeys(cryptoRandom, NOW_S, 604_800, 3600), /need 170 keys, more than 16/);
    assert.throws(
      () => createRingKeys(cryptoRandom, NOW_S, 604_801, 604_800),
      /ticket_lifetime must be 1 to 604800/,
    );
  });

  const weak: readonly [string, Buffer, RegExp][] = [
    ['zero', Buffer.alloc(32), /current\.key is all zero/],
    ['repeated', Buffer.from('abcd'.repeat(8)), /current\.key is a repetition of 4 bytes/],
    ['short', Buffer.from('0123456789abcdef'), /current\.key has 16 bytes, not 32/],
    [
      'counting',
      Buffer.from(Array.from({ length: 32 }, (_, index) => index * 3)),
      /current\.key is a counting sequence/,
    ],
    [
      'uniform',
      Buffer.from('aabbccddeeffaabbccddeeffaabbccdd'.split('').map((c, i) => c.charCodeAt(0) + (i % 2))),
      /current\.key is/,
    ],
  ];
  for (const [name, key, message] of weak) {
    it(`refuses a ${name} key and does not say what it is (R1)`, () => {
      const text = tampered((file) => {
        file.current = { key: key.toString('base64'), created_at: NOW_S };
      });
      const refusal = refusalOf(text);
      assert.match(refusal, message);
      assert.ok(!refusal.includes(key.toString('base64')));
    });
  }

  it('refuses a key that is there twice, naming both places (R1)', () => {
    const text = tampered((file) => {
      file.next = file.current;
    });
    assert.match(refusalOf(text), /current is the same as next/);
  });

  it('refuses what is no ring, naming the field and never quoting the text (R5)', () => {
    assert.match(refusalOf('{"secret": '), /not JSON/);
    assert.match(refusalOf('[]'), /not a JSON object/);
    assert.match(refusalOf('{}'), /format/);
    assert.match(refusalOf(tampered((file) => delete file.affinity_secret)), /affinity_secret is missing/);
    assert.match(refusalOf(tampered((file) => delete file.rotated_at)), /rotated_at/);
    assert.match(
      refusalOf(
        tampered((file) => {
          file.previous = Array(15).fill(file.current);
        }),
      ),
      /more than 16 keys/,
    );
  });
});
