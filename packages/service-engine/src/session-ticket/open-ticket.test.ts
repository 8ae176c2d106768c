import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createRingKeys, rotateRingKeys } from '@limpet/model';
import fc from 'fast-check';
import { createKeyRing } from './key-ring.ts';
import { openTickets } from './open-ticket.ts';
import type { ServerMapping } from './server-mapping.ts';
import { cryptoRandom, makeTicket } from './test-ring.ts';

const NOW_S = 1_800_000_000;
const LIFETIME_S = 3600;
const ringKeys = createRingKeys(cryptoRandom, NOW_S);
const ring = createKeyRing(ringKeys, 'virtualservice-1');
const mapping: ServerMapping = {
  tls13: true,
  serverId: 0xabcdef012345,
  issuedAtS: NOW_S,
  chainAgeS: 77,
  affinityKey: 0x1234,
};

function open(ticket: Buffer, tls13 = true, nowS = NOW_S) {
  return openTickets([ticket], tls13, ring, nowS, LIFETIME_S);
}

describe('opening a ticket', () => {
  it('gives back every mapping that was sealed', () => {
    const anyMapping = fc.record(
      {
        tls13: fc.boolean(),
        serverId: fc.maxSafeNat().map((value) => value % 2 ** 48),
        issuedAtS: fc.integer({ min: NOW_S - LIFETIME_S + 1, max: NOW_S }),
        chainAgeS: fc.integer({ min: 0, max: 0xffffff }),
        affinityKey: fc.integer({ min: 0, max: 0xffff }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(anyMapping, (sealed) => {
        const result = open(makeTicket(ring.current, sealed), sealed.tls13);
        assert.equal(result.kind, 'opened');
        assert.deepEqual(result.kind === 'opened' && result.mapping, sealed);
      }),
    );
  });

  it('finds the ticket of any key of the ring and says which one it was', () => {
    for (const key of ring.newestFirst) {
      const result = open(makeTicket(key, mapping));
      assert.ok(result.kind === 'opened' && result.key === key);
    }
  });

  it('opens a ticket through two rotations', () => {
    const ticket = makeTicket(ring.current, mapping);
    let keys = rotateRingKeys(ringKeys, cryptoRandom, NOW_S + 100);
    keys = rotateRingKeys(keys, cryptoRandom, NOW_S + 200);
    const result = openTickets(
      [ticket],
      true,
      createKeyRing(keys, 'virtualservice-1'),
      NOW_S + 200,
      LIFETIME_S,
    );
    assert.ok(result.kind === 'opened' && result.key.role === 'previous');
  });

  it('opens a ticket of an engine that has read a rotation before it: the next key of one is the current key of the other (R4)', () => {
    const ahead = createKeyRing(rotateRingKeys(ringKeys, cryptoRandom, NOW_S + 100), 'virtualservice-1');
    const result = open(makeTicket(ahead.current, mapping));
    assert.ok(result.kind === 'opened' && result.key.role === 'next');
    // Two rotations behind is one too many: that is what the guard of 60 s is for.
    const farAhead = rotateRingKeys(
      rotateRingKeys(ringKeys, cryptoRandom, NOW_S + 100),
      cryptoRandom,
      NOW_S + 200,
    );
    assert.deepEqual(open(makeTicket(createKeyRing(farAhead, 'virtualservice-1').current, mapping)), {
      kind: 'not-opened',
      reason: 'unknown_key',
    });
  });

  it('opens nothing that was altered in any one bit (R3)', () => {
    const ticket = makeTicket(ring.current, mapping);
    for (let index = 0; index < ticket.length; index++) {
      for (const bit of [0x01, 0x80]) {
        const altered = Buffer.from(ticket);
        altered[index] = (altered[index] as number) ^ bit;
        assert.notEqual(open(altered).kind, 'opened', `byte ${index}`);
      }
    }
  });

  it('opens nothing of another virtual service, though the ring is the same (R7)', () => {
    const other = createKeyRing(ringKeys, 'virtualservice-2');
    assert.deepEqual(open(makeTicket(other.current, mapping)), { kind: 'not-opened', reason: 'unknown_key' });
  });

  it('opens nothing that was sealed in the other TLS version', () => {
    assert.deepEqual(open(makeTicket(ring.current, mapping), false), {
      kind: 'not-opened',
      reason: 'wrong_version',
    });
  });

  it('lets a mapping expire after its lifetime, and bears clocks that are five minutes apart', () => {
    const ticket = makeTicket(ring.current, mapping);
    assert.equal(open(ticket, true, NOW_S + LIFETIME_S - 1).kind, 'opened');
    assert.deepEqual(open(ticket, true, NOW_S + LIFETIME_S), { kind: 'not-opened', reason: 'expired' });
    assert.equal(open(ticket, true, NOW_S - 300).kind, 'opened');
    assert.deepEqual(open(ticket, true, NOW_S - 301), { kind: 'not-opened', reason: 'expired' });
  });

  it('opens none of 10,000 random tickets, and throws at none of any length', () => {
    for (let count = 0; count < 10_000; count++) {
      const length = 96 + 16 * (count % 10);
      assert.notEqual(open(randomBytes(length)).kind, 'opened');
    }
    for (let length = 1; length < 300; length++) assert.notEqual(open(randomBytes(length)).kind, 'opened');
  });

  it('takes the first good one of several tickets, and looks at eight at most', () => {
    const good = makeTicket(ring.current, mapping);
    const bad = randomBytes(good.length);
    assert.equal(openTickets([bad, good], true, ring, NOW_S, LIFETIME_S).kind, 'opened');
    const late = openTickets([...Array<Buffer>(8).fill(bad), good], true, ring, NOW_S, LIFETIME_S);
    assert.deepEqual(late, { kind: 'not-opened', reason: 'too_many' });
  });

  it('takes an empty ticket for none', () => {
    assert.deepEqual(openTickets([Buffer.alloc(0)], false, ring, NOW_S, LIFETIME_S), { kind: 'none' });
  });

  it('never repeats a key name or shows its mapping in it: 2,000 tickets of one server', () => {
    const names = new Set<string>();
    for (let count = 0; count < 2000; count++) {
      names.add(makeTicket(ring.current, mapping, Buffer.alloc(16)).subarray(0, 16).toString('hex'));
    }
    assert.equal(names.size, 2000);
  });
});
