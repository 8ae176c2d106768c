// Tests of what is read of a certificate's DER: the same that node:crypto says.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createSelfSigned, createTemporaryCa } from '@limpet/testkit';
import { readCertificateIdentity } from './certificate-identity.ts';

const ca = await createTemporaryCa('Issuer');
const authority = new X509Certificate(ca.certificatePem);
const client = new X509Certificate(
  (await ca.issue({ clientSubject: 'C=DE, O=Limpet, CN=Ada' })).certificatePem,
);

describe('the identity of a certificate', () => {
  it('is what node:crypto reads', async () => {
    const rsa = new X509Certificate((await createSelfSigned({ keyType: 'rsa' })).certificatePem);
    for (const certificate of [authority, client, rsa]) {
      const identity = readCertificateIdentity(certificate.raw);
      assert.ok(identity);
      assert.equal(identity.serial, certificate.serialNumber.replace(/^0+/, ''));
      assert.equal(identity.notBeforeS, Date.parse(certificate.validFrom) / 1000);
      assert.equal(identity.notAfterS, Date.parse(certificate.validTo) / 1000);
      assert.equal(identity.version, 3);
    }
    assert.equal(readCertificateIdentity(client.raw)?.signatureAlgorithm, '1.2.840.10045.4.3.2');
    assert.equal(readCertificateIdentity(rsa.raw)?.signatureAlgorithm, '1.2.840.113549.1.1.11');
  });

  it('joins a certificate with the one that issued it', () => {
    const [above, below] = [readCertificateIdentity(authority.raw), readCertificateIdentity(client.raw)];
    assert.equal(below?.issuer, above?.subject);
    assert.equal(above?.issuer, above?.subject);
    assert.notEqual(below?.subject, above?.subject);
  });

  it('is not read of what is cut off or is none', () => {
    assert.equal(readCertificateIdentity(Buffer.alloc(0)), undefined);
    for (let length = 0; length < client.raw.length; length++)
      assert.equal(readCertificateIdentity(client.raw.subarray(0, length)), undefined, `${length} bytes`);
  });
});
