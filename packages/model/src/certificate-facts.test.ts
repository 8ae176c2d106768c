import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createTemporaryCa } from '@limpet/testkit';
import { certificateFacts } from './certificate-facts.ts';
import { ecCertificate } from './test-configuration.ts';

const leaf = new X509Certificate(ecCertificate.certificatePem);
const endS = leaf.validToDate.getTime() / 1000;
const DAY_S = 86_400;

describe('the facts of a certificate', () => {
  it('are those that stand in it, in the words of Avi', () => {
    const facts = certificateFacts(ecCertificate.certificatePem, endS - 100 * DAY_S);
    assert.ok(facts !== undefined);
    assert.match(facts.not_after, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    assert.equal(Date.parse(`${facts.not_after.replace(' ', 'T')}Z`), leaf.validToDate.getTime());
    assert.equal(Date.parse(`${facts.not_before.replace(' ', 'T')}Z`), leaf.validFromDate.getTime());
    assert.equal(BigInt(facts.serial_number), BigInt(`0x${leaf.serialNumber}`));
    assert.equal(facts.fingerprint, leaf.fingerprint);
    assert.equal(facts.signature_algorithm, 'ecdsa-with-SHA256');
    assert.equal(facts.version, '3');
    assert.equal(facts.self_signed, true);
    assert.equal(facts.days_until_expire, 100);
    assert.equal(facts.expiry_status, 'SSL_CERTIFICATE_GOOD');
    assert.deepEqual(facts.key_params, {
      algorithm: 'SSL_KEY_ALGORITHM_EC',
      ec_params: { curve: 'SSL_KEY_EC_CURVE_SECP256R1' },
    });
    assert.deepEqual(facts.subject, facts.issuer);
    assert.ok(facts.subject_alt_names?.includes('limpet.test'), String(facts.subject_alt_names));
  });

  it('tell an RSA key, and an issuer that is another', async () => {
    const ca = await createTemporaryCa('An authority');
    const made = await ca.issue({ dnsNames: ['a.test'], keyType: 'rsa' });
    const facts = certificateFacts(made.certificatePem, endS);
    assert.equal(facts?.issuer.common_name, 'An authority');
    assert.equal(facts?.self_signed, false);
    assert.deepEqual(facts?.key_params, {
      algorithm: 'SSL_KEY_ALGORITHM_RSA',
      rsa_params: { key_size: 'SSL_KEY_2048_BITS', exponent: 65_537 },
    });
  });

  it('warn for thirty days, and say that it has expired a second after its end', () => {
    const statusAt = (nowS: number) => certificateFacts(ecCertificate.certificatePem, nowS)?.expiry_status;
    assert.equal(statusAt(endS - 30 * DAY_S), 'SSL_CERTIFICATE_GOOD');
    assert.equal(statusAt(endS - 30 * DAY_S + 1), 'SSL_CERTIFICATE_EXPIRY_WARNING');
    assert.equal(statusAt(endS), 'SSL_CERTIFICATE_EXPIRY_WARNING');
    assert.equal(statusAt(endS + 1), 'SSL_CERTIFICATE_EXPIRED');
  });

  it('are none where nothing can be read', () => {
    assert.equal(certificateFacts('', 0), undefined);
    assert.equal(
      certificateFacts('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 0),
      undefined,
    );
  });
});
