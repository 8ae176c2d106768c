// Tests of revocation lists: what they name, who signed them, and that no byte of a broken one is believed.

import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createTemporaryCa } from '@limpet/testkit';
import fc from 'fast-check';
import { readCertificateIdentity } from './certificate-identity.ts';
import {
  isSignedBy,
  type RevocationList,
  readRevocationList,
  readRevocationListDer,
} from './revocation-list.ts';

const ca = await createTemporaryCa('Issuer');
const issuer = new X509Certificate(ca.certificatePem);
const [first, second, third] = await Promise.all(
  ['CN=First', 'CN=Second', 'CN=Third'].map((clientSubject) => ca.issue({ clientSubject })),
);
const revoked = [first, second].map((certificate) => certificate?.certificatePem ?? '');
const madeAtS = Date.now() / 1000;
const pem = await ca.revocationList({ revoked, days: 7 });
const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');

function listIn(text: string): RevocationList {
  const read = readRevocationList(text);
  assert.ok(read.kind === 'list', read.kind === 'problem' ? read.message : '');
  return read.list;
}

function serialOf(certificate: string): string {
  return readCertificateIdentity(new X509Certificate(certificate).raw)?.serial ?? '';
}

describe('a revocation list', () => {
  it('names what its authority has revoked and nothing else', () => {
    const { serials, issuer: name } = listIn(pem);
    assert.deepEqual([...serials].sort(), revoked.map(serialOf).sort());
    assert.ok(!serials.has(serialOf(third?.certificatePem ?? '')));
    assert.equal(name, readCertificateIdentity(issuer.raw)?.subject);
  });

  it('has a beginning and an end', () => {
    const { thisUpdateS, nextUpdateS } = listIn(pem);
    assert.ok(Math.abs(thisUpdateS - (madeAtS - 86_400)) < 120);
    assert.ok(Math.abs((nextUpdateS ?? 0) - (madeAtS + 7 * 86_400)) < 120);
  });

  it('that names nobody is read, too', async () => {
    assert.equal(listIn(await ca.revocationList()).serials.size, 0);
  });

  it('was signed by its authority, and by no other key', async () => {
    const list = listIn(pem);
    const namesake = await createTemporaryCa('Issuer');
    assert.equal(isSignedBy(list, issuer.publicKey), true);
    assert.equal(isSignedBy(list, new X509Certificate(namesake.certificatePem).publicKey), false);
    assert.equal(isSignedBy(list, generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey), false);
    assert.equal(isSignedBy(list, generateKeyPairSync('ed25519').publicKey), false);
  });

  it('cut off at any byte is a problem', () => {
    for (let length = 0; length < der.length; length++)
      assert.equal(readRevocationListDer(der.subarray(0, length)).kind, 'problem', `${length} bytes`);
    assert.equal(readRevocationListDer(Buffer.concat([der, Buffer.alloc(1)])).kind, 'problem');
  });

  it('altered at any bit is a problem, or no longer bears the signature', () => {
    for (let index = 0; index < der.length * 8; index++) {
      const altered = Buffer.from(der);
      altered[index >> 3] = (altered[index >> 3] as number) ^ (1 << (index & 7));
      const read = readRevocationListDer(altered);
      if (read.kind === 'list') assert.equal(isSignedBy(read.list, issuer.publicKey), false, `bit ${index}`);
    }
  });

  it('of arbitrary bytes never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(readRevocationListDer(Buffer.from(bytes)).kind, 'problem');
      }),
    );
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, bytes) => {
        const altered = Buffer.from(der);
        altered.set(bytes.slice(0, der.length - at), at);
        readRevocationListDer(altered);
      }),
    );
  });

  for (const [title, oid, critical, message] of [
    ['a delta', '2.5.29.27', true, /delta of another list/],
    ['for a part of the certificates', '2.5.29.28', true, /a part of the certificates/],
    ['for a part, though it does not insist', '2.5.29.28', false, /a part of the certificates/],
    ['with a critical extension that nobody knows', '1.2.3.4', true, /not understood \(1\.2\.3\.4\)/],
  ] as const) {
    it(`that is ${title} is a problem`, async () => {
      const { Extension } = await import('@peculiar/x509');
      const extensions = [new Extension(oid, critical, Buffer.from('3000', 'hex'))];
      const read = readRevocationList(await ca.revocationList({ revoked, extensions }));
      assert.match(read.kind === 'problem' ? read.message : 'it was read', message);
    });
  }

  it('with an extension that does not matter is read', async () => {
    const { Extension } = await import('@peculiar/x509');
    const extensions = [new Extension('1.2.3.4', false, Buffer.from('3000', 'hex'))];
    assert.equal(listIn(await ca.revocationList({ revoked, extensions })).serials.size, 2);
  });

  it('of half a million certificates is read in a few seconds', () => {
    const entry = Buffer.from('3015020400000000170d3236303130313030303030305a', 'hex');
    const entries = Buffer.alloc(entry.length * 500_000);
    for (let index = 0; index < 500_000; index++) {
      entry.writeUInt32BE(0x1000_0000 + index, 4);
      entry.copy(entries, index * entry.length);
    }
    const of = (tag: number, ...contents: readonly Buffer[]): Buffer => {
      const content = Buffer.concat(contents);
      const head = Buffer.alloc(5, tag);
      head.writeUInt8(0x83, 1);
      head.writeUIntBE(content.length, 2, 3);
      return Buffer.concat([content.length < 0x1_0000 ? Buffer.from([tag, content.length]) : head, content]);
    };
    const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex');
    const time = Buffer.from('170d3236303130313030303030305a', 'hex');
    const body = of(0x30, algorithm, Buffer.from('3000', 'hex'), time, of(0x30, entries));
    const read = readRevocationListDer(of(0x30, body, algorithm, Buffer.from('030100', 'hex')));
    assert.equal(read.kind === 'list' && read.list.serials.size, 500_000);
  });
});
