// The sealed server mapping is held to docs/test-vectors/server-mapping.json, and computed a second time from bare primitives.

import assert from 'node:assert/strict';
import { createCipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { KeyRing } from './key-ring.ts';
import { openTickets } from './open-ticket.ts';
import {
  decodeServerMapping,
  encodeServerMapping,
  hasMappingVersion,
  type ServerMapping,
} from './server-mapping.ts';
import { makeTicket } from './test-ring.ts';
import { TicketKey } from './ticket-key.ts';

interface Vector {
  readonly name: string;
  readonly ringKey: string;
  readonly virtualServiceUuid: string;
  readonly mapping: Omit<ServerMapping, 'serverId'> & { readonly serverId: string };
  readonly iv: string;
  readonly mappingKey: string;
  readonly hmacKey: string;
  readonly sessionKey: string;
  readonly block: string;
  readonly keyName: string;
  readonly session: string;
  readonly ticket: string;
}

const vectorsUrl = new URL('../../../../docs/test-vectors/server-mapping.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(vectorsUrl, 'utf8')) as { readonly vectors: readonly Vector[] };

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const mappingOf = ({ mapping }: Vector): ServerMapping => ({
  ...mapping,
  serverId: Number.parseInt(mapping.serverId, 16),
});

function encoded(mapping: ServerMapping): Buffer {
  const block = Buffer.alloc(16, 0xff);
  encodeServerMapping(mapping, block);
  return block;
}

function ringOf(key: TicketKey): Pick<KeyRing, 'newestFirst'> {
  return { newestFirst: [key] };
}

const anyMapping: fc.Arbitrary<ServerMapping> = fc.record(
  {
    tls13: fc.boolean(),
    serverId: fc.maxSafeNat().map((value) => value % 2 ** 48),
    issuedAtS: fc.integer({ min: 0, max: 0xffff_ffff }),
    chainAgeS: fc.integer({ min: 0, max: 0xff_ffff }),
    affinityKey: fc.integer({ min: 0, max: 0xffff }),
  },
  { noNullPrototype: true },
);
const anyBytes = (size: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => Buffer.from(bytes));

describe('the published vectors of the server mapping', () => {
  it('cover both TLS versions, no server, and every field at its largest', () => {
    const mappings = vectors.map(mappingOf);
    assert.ok(mappings.some(({ tls13 }) => tls13) && mappings.some(({ tls13 }) => !tls13));
    assert.ok(mappings.some(({ serverId }) => serverId === 0));
    assert.ok(
      mappings.some(({ serverId, chainAgeS }) => serverId === 2 ** 48 - 1 && chainAgeS === 0xff_ffff),
    );
  });

  for (const vector of vectors) {
    it(`are what the engine derives, seals and opens: ${vector.name}`, () => {
      const key = new TicketKey(hex(vector.ringKey), 'current', vector.virtualServiceUuid);
      assert.equal(key.hmacKey.toString('hex'), vector.hmacKey);
      assert.equal(key.aesKey.toString('hex'), vector.sessionKey);
      const mapping = mappingOf(vector);
      assert.equal(encoded(mapping).toString('hex'), vector.block);
      assert.equal(key.sealBlock(hex(vector.block), hex(vector.iv)).toString('hex'), vector.keyName);
      assert.equal(key.openBlock(hex(vector.keyName), hex(vector.iv)).toString('hex'), vector.block);
      const { tls13, issuedAtS } = mapping;
      const result = openTickets([hex(vector.ticket)], tls13, ringOf(key), issuedAtS, 3600);
      assert.deepEqual(result.kind === 'opened' && result.mapping, mapping);
    });

    it(`are what HKDF, AES-256-CBC, AES-128-CBC and HMAC-SHA256 give: ${vector.name}`, () => {
      const derived = (purpose: string, bytes: number): Buffer => {
        const info = `limpet-ticket|1|${purpose}|${vector.virtualServiceUuid}`;
        return Buffer.from(hkdfSync('sha256', hex(vector.ringKey), 'limpet session ticket', info, bytes));
      };
      const iv = hex(vector.iv);
      assert.equal(derived('mapping', 32).toString('hex'), vector.mappingKey);
      const mappingCipher = createCipheriv('aes-256-cbc', derived('mapping', 32), iv).setAutoPadding(false);
      const keyName = Buffer.concat([mappingCipher.update(hex(vector.block)), mappingCipher.final()]);
      assert.equal(keyName.toString('hex'), vector.keyName);
      const sessionCipher = createCipheriv('aes-128-cbc', derived('session', 16), iv);
      const session = Buffer.concat([sessionCipher.update(hex(vector.session)), sessionCipher.final()]);
      const signed = Buffer.concat([keyName, iv, session]);
      const mac = createHmac('sha256', derived('hmac', 32)).update(signed).digest();
      assert.equal(Buffer.concat([signed, mac]).toString('hex'), vector.ticket);
    });
  }
});

describe('the server mapping', () => {
  it('reads back as it was written, whatever the block held before', () => {
    fc.assert(
      fc.property(anyMapping, (mapping) => {
        const block = encoded(mapping);
        assert.ok(hasMappingVersion(block));
        assert.deepEqual(decodeServerMapping(block), mapping);
      }),
    );
  });

  it('writes a chain age that does not fit as the largest, and one below zero as none', () => {
    const mapping: ServerMapping = { tls13: true, serverId: 1, issuedAtS: 1, chainAgeS: 0, affinityKey: 1 };
    assert.equal(decodeServerMapping(encoded({ ...mapping, chainAgeS: 0x100_0000 })).chainAgeS, 0xff_ffff);
    assert.equal(decodeServerMapping(encoded({ ...mapping, chainAgeS: -1 })).chainAgeS, 0);
  });

  it('takes no first byte but 0x50 and 0x51 for its own', () => {
    const taken = [...Array(256).keys()].filter((first) => hasMappingVersion(Buffer.alloc(16, first)));
    assert.deepEqual(taken, [0x50, 0x51]);
  });

  it('seals as AES-256-CBC does under any key and IV, and opens what it sealed', () => {
    fc.assert(
      fc.property(anyBytes(32), anyBytes(16), anyBytes(16), fc.uuid(), (ringKey, iv, block, uuid) => {
        const key = new TicketKey(ringKey, 'current', uuid);
        const info = `limpet-ticket|1|mapping|${uuid}`;
        const mappingKey = Buffer.from(hkdfSync('sha256', ringKey, 'limpet session ticket', info, 32));
        const cbc = createCipheriv('aes-256-cbc', mappingKey, iv).setAutoPadding(false);
        const sealed = key.sealBlock(block, iv);
        assert.deepEqual(sealed, cbc.update(block));
        assert.deepEqual(key.openBlock(sealed, iv), block);
      }),
    );
  });

  it('is opened by no other ring key, under no other IV and with no bit altered (R9)', () => {
    const uuid = '6e0f7c1a-52b4-4f0e-9a57-0d4c3b2a1908';
    const key = new TicketKey(randomBytes(32), 'current', uuid);
    const opens = (ticket: Buffer, by: TicketKey, mapping: ServerMapping): boolean =>
      openTickets([ticket], mapping.tls13, ringOf(by), mapping.issuedAtS, 3600).kind === 'opened';
    fc.assert(
      fc.property(
        anyMapping,
        anyBytes(32),
        anyBytes(16),
        fc.nat(),
        fc.nat(7),
        (mapping, ringKey, iv, at, bit) => {
          const ticket = makeTicket(key, mapping);
          assert.ok(opens(ticket, key, mapping));
          assert.ok(!opens(ticket, new TicketKey(ringKey, 'current', uuid), mapping));
          const underOtherIv = Buffer.from(ticket);
          iv.copy(underOtherIv, 16);
          assert.ok(!opens(underOtherIv, key, mapping));
          const altered = Buffer.from(ticket);
          const index = at % altered.length;
          altered[index] = (altered[index] as number) ^ (1 << bit);
          assert.ok(!opens(altered, key, mapping));
        },
      ),
    );
  });
});
