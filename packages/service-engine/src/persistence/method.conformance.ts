// What every persistence method promises, as tests that each of them runs.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createRingKeys, rotateRingKeys } from '@limpet/model';
import fc from 'fast-check';
import { createKeyRing, type KeyRing } from '../session-ticket/key-ring.ts';
import { cryptoRandom } from '../session-ticket/test-ring.ts';
import type { ClientMapping, MappingResult } from './method.ts';

export const METHOD_LIFETIME_S = 3600;

/** A method as a client sees it. Entries live for {@link METHOD_LIFETIME_S}. */
export interface MethodSubject {
  /** What a client is given to carry, sealed under the key at that place of the ring, newest first: 0 is `next`, 1 `current`. */
  seal(mapping: ClientMapping, ring: KeyRing, keyIndex: number): Buffer;
  /** What the engine makes of a client that shows these, in this order. */
  decide(shown: readonly Buffer[], ring: KeyRing, nowS: number): MappingResult<string>;
  /** How many of what a client shows are tried. */
  readonly triedMax: number;
}

const NOW_S = 1_800_000_000;
const CLOCK_SKEW_S = 300;
const VIRTUAL_SERVICE = 'virtualservice-1';
const NEXT = 0;
const CURRENT = 1;

const mapping: ClientMapping = { serverId: 0xabcdef012345, issuedAtS: NOW_S, affinityKey: 0x1234 };
const anyMapping = fc.record(
  {
    serverId: fc.maxSafeNat().map((value) => value % 2 ** 48),
    issuedAtS: fc.integer({ min: NOW_S - METHOD_LIFETIME_S + 1, max: NOW_S }),
    affinityKey: fc.integer({ min: 0, max: 0xffff }),
  },
  { noNullPrototype: true },
);

export function describeMethod(name: string, { seal, decide, triedMax }: MethodSubject): void {
  const ringKeys = createRingKeys(cryptoRandom, NOW_S);
  const ring = createKeyRing(ringKeys, VIRTUAL_SERVICE);
  const opened = (result: MappingResult<string>) => result.kind === 'opened';

  describe(`as a persistence method, ${name}`, () => {
    it('gives back every entry that was sealed', () => {
      fc.assert(
        fc.property(anyMapping, (sealed) => {
          const result = decide([seal(sealed, ring, CURRENT)], ring, NOW_S);
          assert.ok(result.kind === 'opened');
          const { serverId, issuedAtS, affinityKey } = result.mapping;
          assert.deepEqual({ serverId, issuedAtS, affinityKey }, sealed);
        }),
      );
    });

    it('is read by any engine of the fleet, under the key that it has not begun to seal with, too (R4)', () => {
      const other = createKeyRing(ringKeys, VIRTUAL_SERVICE);
      for (const [keyIndex, role] of [
        [NEXT, 'next'],
        [CURRENT, 'current'],
      ] as const) {
        const result = decide([seal(mapping, other, keyIndex)], ring, NOW_S);
        assert.ok(result.kind === 'opened' && result.key.role === role);
      }
    });

    it('is read through two rotations of the ring', () => {
      const carried = seal(mapping, ring, CURRENT);
      let keys = rotateRingKeys(ringKeys, cryptoRandom, NOW_S + 100);
      keys = rotateRingKeys(keys, cryptoRandom, NOW_S + 200);
      const result = decide([carried], createKeyRing(keys, VIRTUAL_SERVICE), NOW_S + 200);
      assert.ok(result.kind === 'opened' && result.key.role === 'previous');
    });

    it('expires by the clock of the engine, not of the client, and bears engines five minutes apart', () => {
      const carried = seal(mapping, ring, CURRENT);
      const reasonAt = (nowS: number) => {
        const result = decide([carried], ring, nowS);
        return result.kind === 'not-opened' ? result.reason : result.kind;
      };
      assert.equal(reasonAt(NOW_S + METHOD_LIFETIME_S - 1), 'opened');
      assert.equal(reasonAt(NOW_S + METHOD_LIFETIME_S), 'expired');
      assert.equal(reasonAt(NOW_S - CLOCK_SKEW_S), 'opened');
      assert.equal(reasonAt(NOW_S - CLOCK_SKEW_S - 1), 'expired');
    });

    it('is nothing where nothing is shown', () => {
      assert.deepEqual(decide([], ring, NOW_S).kind, 'none');
    });

    it('is no entry once any one bit of it was altered (R3)', () => {
      const carried = seal(mapping, ring, CURRENT);
      for (let index = 0; index < carried.length; index++) {
        for (const bit of [0x01, 0x20]) {
          const altered = Buffer.from(carried);
          altered[index] = (altered[index] as number) ^ bit;
          assert.ok(!opened(decide([altered], ring, NOW_S)), `byte ${index}`);
        }
      }
    });

    it('is no entry when it was cut short, or lengthened', () => {
      const carried = seal(mapping, ring, CURRENT);
      for (let bytes = 0; bytes < carried.length; bytes++)
        assert.ok(!opened(decide([carried.subarray(0, bytes)], ring, NOW_S)), `${bytes} bytes`);
      for (const more of [1, 4, 16, 64])
        assert.ok(!opened(decide([Buffer.concat([carried, Buffer.alloc(more, 65)])], ring, NOW_S)));
    });

    it('is no entry of another virtual service, though the ring is the same (R7)', () => {
      const other = createKeyRing(ringKeys, 'virtualservice-2');
      assert.ok(!opened(decide([seal(mapping, other, CURRENT)], ring, NOW_S)));
    });

    it('is no entry under a ring that never had its key', () => {
      const other = createKeyRing(createRingKeys(cryptoRandom, NOW_S), VIRTUAL_SERVICE);
      assert.ok(!opened(decide([seal(mapping, other, CURRENT)], ring, NOW_S)));
    });

    it('opens none of 10,000 random ones, and throws at nothing', () => {
      const { length } = seal(mapping, ring, CURRENT);
      for (let count = 0; count < 10_000; count++)
        assert.ok(!opened(decide([randomBytes(length)], ring, NOW_S)));
      for (let bytes = 0; bytes < 300; bytes++) decide([randomBytes(bytes)], ring, NOW_S);
    });

    it('takes the first good one of several, and stops looking after a bounded number', () => {
      const good = seal(mapping, ring, CURRENT);
      const bad = Buffer.from(good);
      bad[bad.length >> 1] = (bad[bad.length >> 1] as number) ^ 0x01;
      assert.ok(opened(decide([bad, good], ring, NOW_S)));
      const many = [...Array<Buffer>(triedMax).fill(bad), good];
      assert.deepEqual(decide(many, ring, NOW_S), {
        ...decide([bad], ring, NOW_S),
        kind: 'not-opened',
        reason: 'too_many',
      });
    });

    it('is never the same twice, and always of one size', () => {
      const carried = Array.from({ length: 500 }, (_, serverId) =>
        seal({ ...mapping, serverId: serverId % 2 }, ring, CURRENT),
      );
      assert.equal(new Set(carried.map((bytes) => bytes.toString('hex'))).size, carried.length);
      assert.equal(new Set(carried.map(({ length }) => length)).size, 1);
    });
  });
}
