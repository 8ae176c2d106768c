// Tests of reading certificates and keys: what fits is taken, and what does not is named without a byte of key material.

import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createSelfSigned, createTemporaryCa } from '@limpet/testkit';
import { type ReadCertificate, readCertificate } from './certificate.ts';
import { describeProblem } from './errors.ts';
import { assertOnlyProblem, configurationWith, ecCertificate, load } from './test-configuration.ts';

const rsaCertificate = await createSelfSigned({ dnsNames: ['rsa.test'], keyType: 'rsa' });
const otherEcCertificate = await createSelfSigned({ dnsNames: ['other.test'] });
const ca = await createTemporaryCa();
const issued = await ca.issue({ dnsNames: ['leaf.test'] });
const encryptedKey = createPrivateKey(ecCertificate.privateKeyPem)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'correct horse' })
  .toString();

function read(certificatePem: string, keyPem: string | undefined, passphrase?: string): ReadCertificate {
  return readCertificate('a', certificatePem, keyPem, passphrase);
}

function assertProblem(result: ReadCertificate, field: string, message: RegExp): void {
  assert.equal(result.kind, 'problem');
  if (result.kind !== 'problem') return;
  assert.equal(result.field, field);
  assert.match(result.message, message);
}

describe('a certificate with its key', () => {
  it('is read: names in lower case, key type, fingerprint, end of validity', () => {
    const result = read(ecCertificate.certificatePem, ecCertificate.privateKeyPem);
    assert.ok(result.kind === 'certificate');
    const leaf = new X509Certificate(ecCertificate.certificatePem);
    assert.deepEqual(result.snapshot.dnsNames, ['limpet.test', '*.limpet.test']);
    assert.equal(result.snapshot.keyType, 'ec');
    assert.equal(result.snapshot.fingerprint, leaf.fingerprint256.replaceAll(':', '').toLowerCase());
    assert.equal(result.snapshot.notAfterS, leaf.validToDate.getTime() / 1000);
  });

  it('of RSA is read, too', () => {
    const result = read(rsaCertificate.certificatePem, rsaCertificate.privateKeyPem);
    assert.ok(result.kind === 'certificate');
    assert.equal(result.snapshot.keyType, 'rsa');
  });

  it('keeps its chain, leaf first, without the text between the certificates', () => {
    const result = read(
      `subject=leaf\n${issued.certificatePem}\nsubject=CA\n${ca.certificatePem}\n`,
      issued.privateKeyPem,
    );
    assert.ok(result.kind === 'certificate');
    assert.equal(result.snapshot.chainPem.match(/BEGIN/g)?.length, 2);
    assert.doesNotMatch(result.snapshot.chainPem, /subject/);
    assert.match(new X509Certificate(result.snapshot.chainPem).subject, /leaf\.test/);
  });

  it('has one key hash whether the key comes encrypted or not', () => {
    const plain = read(ecCertificate.certificatePem, ecCertificate.privateKeyPem);
    const encrypted = read(ecCertificate.certificatePem, encryptedKey, 'correct horse');
    assert.ok(plain.kind === 'certificate' && encrypted.kind === 'certificate');
    assert.equal(encrypted.snapshot.keyHash, plain.snapshot.keyHash);
  });
});

describe('a certificate is refused', () => {
  it('when it is no PEM', () =>
    assertProblem(
      read('certificate', ecCertificate.privateKeyPem),
      'certificate.certificate',
      /no PEM certificate/,
    ));

  it('when one of its chain cannot be read, and says which', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    assertProblem(
      read(ecCertificate.certificatePem + broken, ecCertificate.privateKeyPem),
      'certificate.certificate',
      /certificate 2 of the chain cannot be read/,
    );
  });

  it('without a key', () =>
    assertProblem(read(ecCertificate.certificatePem, undefined), 'key', /is missing/));

  it("with another certificate's key", () =>
    assertProblem(
      read(ecCertificate.certificatePem, otherEcCertificate.privateKeyPem),
      'key',
      /does not belong to the certificate/,
    ));

  it('when its chain begins with the authority', () =>
    assertProblem(
      read(ca.certificatePem + issued.certificatePem, issued.privateKeyPem),
      'key',
      /does not belong to the certificate/,
    ));

  it('with a key that is no key', () =>
    assertProblem(read(ecCertificate.certificatePem, 'key'), 'key', /is no PEM private key/));

  it('with an encrypted key and no passphrase', () =>
    assertProblem(
      read(ecCertificate.certificatePem, encryptedKey),
      'key',
      /is encrypted: key_passphrase is missing/,
    ));

  it('with an encrypted key and the wrong passphrase', () =>
    assertProblem(
      read(ecCertificate.certificatePem, encryptedKey, 'battery staple'),
      'key',
      /cannot be read with this key_passphrase/,
    ));

  it('with a public key in place of the private one', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    assertProblem(read(ecCertificate.certificatePem, pem), 'key', /is no PEM private key/);
  });
});

describe('the certificates of a configuration', () => {
  // Renewed, and the former one was left in place.
  const second = {
    name: 'second',
    certificate: { certificate: ecCertificate.certificatePem },
    key: ecCertificate.privateKeyPem,
  };
  const other = {
    name: 'other',
    certificate: { certificate: otherEcCertificate.certificatePem },
    key: otherEcCertificate.privateKeyPem,
  };
  const rsa = {
    name: 'rsa',
    certificate: { certificate: rsaCertificate.certificatePem },
    key: rsaCertificate.privateKeyPem,
  };

  it('have expired one second after their end, and not at it', () => {
    const endS = new X509Certificate(ecCertificate.certificatePem).validToDate.getTime() / 1000;
    const noticesAt = (atS: number) => load(configurationWith({}), { nowS: atS }).notices;
    assert.deepEqual(noticesAt(endS), []);
    assert.equal(noticesAt(endS + 1)[0]?.message, 'has expired; renew it');
  });

  it('that have expired are noticed, by name, and served all the same', async () => {
    const expired = await createSelfSigned({ days: -1 });
    const input = configurationWith({
      'SSLKeyAndCertificate[0].certificate.certificate': expired.certificatePem,
      'SSLKeyAndCertificate[0].key': expired.privateKeyPem,
    });
    const { notices, compiled } = load(input);
    assert.deepEqual(
      notices.filter(({ objectType }) => objectType === 'SSLKeyAndCertificate').map(describeProblem),
      ['SSLKeyAndCertificate "demo-certificate", certificate.certificate: has expired; renew it'],
    );
    assert.equal(compiled.snapshot.virtualServices[0]?.tls?.certificates.length, 1);
  });

  it('may be several of one key type, if each has a name of its own', () => {
    const input = configurationWith({
      'SSLKeyAndCertificate[1]': other,
      'VirtualService[0].ssl_key_and_certificate_refs': ['demo-certificate', 'other'],
    });
    assert.equal(load(input).compiled.snapshot.virtualServices[0]?.tls?.certificates.length, 2);
  });

  it('are in the order of their references, EC before RSA', () => {
    const input = configurationWith({
      'SSLKeyAndCertificate[1]': rsa,
      'VirtualService[0].ssl_key_and_certificate_refs': ['rsa', 'demo-certificate'],
    });
    const { tls } = load(input).compiled.snapshot.virtualServices[0] ?? {};
    assert.deepEqual(
      tls?.certificates.map(({ name }) => name),
      ['demo-certificate', 'rsa'],
    );
  });

  for (const ref of ['second', '/api/sslkeyandcertificate?name=second']) {
    it(`of one key type and with no name of its own is refused, since no client would ever see it: ${ref}`, () => {
      const input = configurationWith({
        'SSLKeyAndCertificate[1]': second,
        'VirtualService[0].ssl_key_and_certificate_refs': ['demo-certificate', ref],
      });
      assertOnlyProblem(
        input,
        'VirtualService "demo", ssl_key_and_certificate_refs[1]',
        /is an EC certificate for names that an earlier one has: it would never be used/,
      );
    });
  }
});
