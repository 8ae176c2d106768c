// Tests of the DER reader: what is not DER by the letter is not read, and nothing throws.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type DerElement, DerReader, derTag, integerHex, oidText, readDer, timeS } from './der.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** The element in these bytes. */
function element(text: string) {
  return new DerReader(hex(text)).next();
}

/** A DER element of this content, with the length as it has to be. */
function encode(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : 3;
  const head = Buffer.alloc(2 + bytes);
  head.writeUInt8(tag, 0);
  head.writeUInt8(0x80 + bytes, 1);
  head.writeUIntBE(length, 2, bytes);
  return Buffer.concat([head, content]);
}

describe('a DER element', () => {
  it('of any length is read back, and nothing shorter is', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const bytes = encode(derTag.octetString, Buffer.alloc(length, 7));
      assert.equal(readDer(bytes, derTag.octetString)?.content.length, length);
      assert.equal(readDer(bytes.subarray(0, -1), derTag.octetString), undefined, `${length}, cut`);
      assert.equal(
        readDer(Buffer.concat([bytes, hex('00')]), derTag.octetString),
        undefined,
        `${length}, and more`,
      );
    }
  });

  for (const [title, bytes] of [
    ['without a length', '04'],
    ['of an indefinite length', '30 80 00 00'],
    ['whose length takes a byte too many', '04 81 01 00'],
    ['whose length begins with zero', `04 82 0080${'00'.repeat(128)}`],
    ['whose length takes four bytes', '04 84 00000001 00'],
    ['longer than what is there', '04 05 00'],
    ['of a tag number that takes more bytes', '1f 81 01 00'],
  ] as const) {
    it(`${title} is not read`, () => assert.equal(element(bytes), undefined));
  }

  it('in arbitrary bytes is read or not, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new DerReader(Buffer.from(bytes));
        for (let found = reader.next(); found !== undefined; found = reader.next()) {
          timeS(found);
          oidText(found);
          integerHex(found);
        }
      }),
    );
  });
});

describe('a value', () => {
  it('that is an integer is hex without leading zeros', () => {
    for (const [bytes, expected] of [
      ['02 01 00', '0'],
      ['02 02 00ff', 'FF'],
      ['02 01 0a', 'A'],
      ['02 03 0a0b0c', 'A0B0C'],
      ['02 01 ff', '-FF'],
    ] as const) {
      assert.equal(integerHex(element(bytes) as DerElement), expected, bytes);
    }
    assert.equal(integerHex(element('02 00') as DerElement), undefined);
  });

  it('that is an object identifier is dots', () => {
    assert.equal(oidText(element('06 03 551d1c') as DerElement), '2.5.29.28');
    assert.equal(oidText(element('06 09 2a864886f70d01010b') as DerElement), '1.2.840.113549.1.1.11');
  });

  it('that is a time is seconds, of the century that RFC 5280 gives it', () => {
    const time = (tag: number, text: string) =>
      timeS(new DerReader(encode(tag, Buffer.from(text))).next() as DerElement);
    assert.equal(time(derTag.utcTime, '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59) / 1000);
    assert.equal(time(derTag.utcTime, '500101000000Z'), Date.UTC(1950, 0, 1) / 1000);
    assert.equal(time(derTag.generalizedTime, '20500101000000Z'), Date.UTC(2050, 0, 1) / 1000);
    for (const wrong of [
      '4912312359Z',
      '491231235959',
      '491331235959Z',
      '49123123595aZ',
      '491231235959+0000',
    ])
      assert.equal(time(derTag.utcTime, wrong), undefined, wrong);
    assert.equal(time(derTag.generalizedTime, '491231235959Z'), undefined);
  });
});
