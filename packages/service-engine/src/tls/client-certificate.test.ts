// Tests of the words in which a certificate is told: one line of printable ASCII, whatever is in the names.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createTemporaryCa } from '@limpet/testkit';
import fc from 'fast-check';
import { chainCertificate } from './chain-certificate.ts';
import { ClientCertificate, distinguishedName } from './client-certificate.ts';

const ca = await createTemporaryCa('Root');

async function certificateOf(clientSubject: string | Record<string, string[]>[]): Promise<ClientCertificate> {
  const { certificatePem } = await ca.issue({ clientSubject });
  const certificate = chainCertificate(certificatePem);
  assert.ok(certificate);
  return new ClientCertificate([certificate]);
}

describe('the subject of a certificate', () => {
  for (const [title, parts, expected] of [
    ['is told last part first', [{ C: ['DE'] }, { O: ['Limpet'] }, { CN: ['Ada'] }], 'CN=Ada,O=Limpet,C=DE'],
    ['keeps parts of one level together', [{ O: ['A'] }, { OU: ['B', 'C'] }], 'OU=B+OU=C,O=A'],
    ['hides no comma in a value', [{ CN: ['x,CN=admin'] }], 'CN=x\\,CN=admin'],
    ['hides no plus in a value', [{ CN: ['a + CN=admin'] }], 'CN=a \\+ CN=admin'],
    [
      'has no line break',
      [{ CN: ['x\r\nX-SSL-Client-Subject: CN=admin'] }],
      'CN=x\\0D\\0AX-SSL-Client-Subject: CN=admin',
    ],
    ['has no character that is not ASCII', [{ CN: ['Jürgen 💡'] }], 'CN=J\\C3\\BCrgen \\F0\\9F\\92\\A1'],
    ['keeps brackets and semicolons as RFC 4514 escapes them', [{ CN: ['<b>;c'] }], 'CN=\\<b\\>\\;c'],
  ] as const) {
    it(title, async () => {
      const asked = parts.map((part) =>
        Object.fromEntries(Object.entries(part).map(([type, values]) => [type, [...(values as string[])]])),
      );
      assert.equal((await certificateOf(asked)).subject, expected);
    });
  }

  it('is one line of printable ASCII for any name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), async (name) => {
        const certificate = await certificateOf([{ CN: [name] }]).catch(() => undefined);
        // Not every text can be in a certificate.
        if (certificate === undefined) return;
        assert.match(certificate.subject, /^[\x20-\x7e]*$/);
      }),
      { numRuns: 30 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.match(distinguishedName(text.replaceAll(/[\0-\x1f\x7f]/g, '')), /^[\x20-\x7e]*$/);
      }),
    );
  });
});

describe('a certificate', () => {
  it('is told by serial, fingerprint, times and itself, each in one line that can be read back', async () => {
    const { certificatePem } = await ca.issue({ clientSubject: 'CN=Ada' });
    const x509 = new X509Certificate(certificatePem);
    const certificate = new ClientCertificate([chainCertificate(x509) as never]);
    assert.equal(certificate.issuer, 'CN=Root');
    assert.equal(certificate.serial, x509.serialNumber.replace(/^0+/, ''));
    assert.equal(certificate.fingerprint, x509.fingerprint256.replaceAll(':', '').toLowerCase());
    assert.equal(certificate.version, 3);
    assert.equal(certificate.signatureAlgorithm, 'ecdsa-with-SHA256');
    assert.equal(Date.parse(certificate.notBefore), Date.parse(x509.validFrom));
    assert.equal(Date.parse(certificate.notAfter), Date.parse(x509.validTo));
    assert.match(certificate.byteSequence, /^:[A-Za-z0-9+/]+=*:$/);
    assert.ok(Buffer.from(certificate.byteSequence.slice(1, -1), 'base64').equals(x509.raw));
    assert.match(certificate.escapedPem, /^[A-Za-z0-9%\-._~!*'()]+$/);
    assert.equal(decodeURIComponent(certificate.escapedPem), x509.toString());
  });
});
