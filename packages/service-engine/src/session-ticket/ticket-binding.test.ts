import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import type { Server as TlsServer } from 'node:tls';
import { createServer } from 'node:tls';
import { createRingKeys } from '@limpet/model';
import { systemClock } from '../lifecycle/clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { createKeyRing, destroyKeyRing } from './key-ring.ts';
import { BLOCK_BYTES } from './server-mapping.ts';
import { cryptoRandom } from './test-ring.ts';
import { TicketBinding, type TicketPlan } from './ticket-binding.ts';

const SERVER_ID = 0xabcdef012345;
const TICKETS = 10_000;

type Answer = readonly [code: number, hmacKey: Buffer, aesKey: Buffer, name: Buffer, iv: Buffer];
type Callback = (name: Buffer, iv: Buffer, enc: boolean) => Answer;

function makeBinding(sessionReuse = true) {
  const tlsServer = createServer();
  const ring = createKeyRing(createRingKeys(cryptoRandom, 1_800_000_000), 'virtualservice-1');
  let sealed = 0;
  const binding = new TicketBinding(tlsServer, {
    serverId: SERVER_ID,
    ring: () => ring,
    sessionReuse,
    clock: systemClock,
    random: systemRandom,
    onSeal: () => sealed++,
  });
  // What Node's native code calls.
  const { context } = (
    tlsServer as TlsServer & { _sharedCreds: { context: { onticketkeycallback: Callback } } }
  )._sharedCreds;
  const callback: Callback = (name, iv, enc) => context.onticketkeycallback(name, iv, enc);
  const seal = (): Answer => callback(Buffer.alloc(16), Buffer.alloc(16), true);
  const open = (name: Buffer): Answer => callback(name, randomBytes(16), false);
  return { tlsServer, binding, ring, seal, open, sealed: () => sealed };
}

/** A connection in the moment in which TLS 1.3 has just ended its handshake. */
function makeConnection(reused: boolean) {
  const raw = new PassThrough();
  const socket = Object.assign(new EventEmitter(), {
    _parent: raw,
    getProtocol: () => 'TLSv1.3',
    isSessionReused: () => reused,
    destroy: () => {},
  });
  return { raw: raw as never, socket };
}

function planFor(keyName: Buffer, bed: ReturnType<typeof makeBinding>): TicketPlan {
  return {
    resume: { keyName: keyName.toString('latin1'), code: 2, key: bed.ring.current },
    affinityKey: 7,
    chainStartS: 1_700_000_000,
    expectsTls13Tickets: true,
  };
}

describe('the IVs of tickets', () => {
  const ivs = ((): readonly Buffer[] => {
    const { seal } = makeBinding();
    return Array.from({ length: TICKETS }, () => seal()[4]);
  })();

  it(`are all different, ${TICKETS} of one server under one key (R3)`, () => {
    for (const iv of ivs) assert.equal(iv.length, BLOCK_BYTES);
    assert.equal(new Set(ivs.map((iv) => iv.toString('hex'))).size, TICKETS);
  });

  it('have no part in common, wherever it stands: no counter, no prefix, no bytes given out twice (R3)', () => {
    const PART_BYTES = 8;
    const parts = new Set<string>();
    for (const iv of ivs)
      for (let at = 0; at + PART_BYTES <= BLOCK_BYTES; at++)
        parts.add(iv.toString('latin1', at, at + PART_BYTES));
    // Two of 90,000 random parts are the same with a probability of 2 in 10^10.
    assert.equal(parts.size, TICKETS * (BLOCK_BYTES - PART_BYTES + 1));
  });

  it('have every bit set as often as not (R3)', () => {
    for (let bit = 0; bit < BLOCK_BYTES * 8; bit++) {
      const set = ivs.filter((iv) => ((iv[bit >> 3] as number) >> (bit & 7)) & 1).length;
      // Eight standard deviations: by chance in none of 10^12 runs.
      assert.ok(Math.abs(set - TICKETS / 2) < 400, `bit ${bit} is set in ${set} of ${TICKETS}`);
    }
  });
});

describe('the ticket callback', () => {
  it('answers with two keys, a name and an IV of 16 bytes whatever it says, or Node would abort', () => {
    for (const bed of [makeBinding(true), makeBinding(false)]) {
      for (const answer of [bed.seal(), bed.open(randomBytes(16)), bed.open(Buffer.alloc(0))]) {
        assert.equal(answer.length, 5);
        for (const part of answer.slice(1) as Buffer[]) assert.ok(part.length >= BLOCK_BYTES);
      }
    }
  });

  it('gives keys for a ticket that was announced, and for no other', () => {
    const bed = makeBinding();
    const name = randomBytes(16);
    const { raw } = makeConnection(true);
    assert.equal(bed.open(name)[0], 0);
    bed.binding.expect(raw, planFor(name, bed));
    assert.equal(bed.open(name)[0], 2);
    assert.ok(bed.open(name)[1].equals(bed.ring.current.hmacKey));
    assert.equal(bed.open(randomBytes(16))[0], 0);
    bed.binding.forget(raw);
    assert.equal(bed.open(name)[0], 0);
    assert.equal(bed.binding.pendingTickets, 0);
  });

  it('gives no keys that were destroyed: they are zeros, under which anybody could make a ticket (R5)', () => {
    const bed = makeBinding();
    const name = randomBytes(16);
    bed.binding.expect(makeConnection(true).raw, planFor(name, bed));
    destroyKeyRing(bed.ring);
    assert.ok(bed.ring.current.hmacKey.every((byte) => byte === 0));
    assert.ok(bed.ring.current.aesKey.every((byte) => byte === 0));
    assert.ok(bed.ring.affinitySecret.every((byte) => byte === 0));
    assert.equal(bed.open(name)[0], 0);
  });

  it('seals and opens nothing where sessions are not reused (R18)', () => {
    const bed = makeBinding(false);
    const name = randomBytes(16);
    bed.binding.expect(makeConnection(true).raw, planFor(name, bed));
    assert.equal(bed.open(name)[0], 0);
    assert.equal(bed.seal()[0], 0);
    assert.equal(bed.sealed(), 0);
  });
});

describe('a connection that was resumed', () => {
  it('gets one new ticket by its own plan', () => {
    const bed = makeBinding();
    const { raw, socket } = makeConnection(true);
    bed.binding.expect(raw, planFor(randomBytes(16), bed));
    bed.tlsServer.emit('secureConnection', socket as never);
    assert.equal(bed.seal()[0], 1);
    assert.equal(bed.sealed(), 1);
  });

  it('by the ticket of another connection gets none, so that its chain cannot begin anew (R6)', () => {
    const bed = makeBinding();
    const { raw, socket } = makeConnection(true);
    const name = randomBytes(16);
    bed.binding.expect(makeConnection(true).raw, planFor(name, bed));
    // Its first ClientHello had no ticket; the one after a HelloRetryRequest has the other's.
    bed.binding.expect(raw, { affinityKey: 7, expectsTls13Tickets: true });
    assert.equal(bed.open(name)[0], 2);
    bed.tlsServer.emit('secureConnection', socket as never);
    assert.equal(bed.seal()[0], 0);
    assert.equal(bed.sealed(), 0);
  });
});
