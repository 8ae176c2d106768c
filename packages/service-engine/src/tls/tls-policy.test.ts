import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSnapshot, TlsSnapshot } from '@limpet/model';
import { certificatesFor, matchCertificateName, sessionIdContext } from './tls-policy.ts';

function certificate(
  name: string,
  keyType: 'ec' | 'rsa',
  ...dnsNames: readonly string[]
): CertificateSnapshot {
  return { name, keyType, dnsNames, chainPem: '', fingerprint: name, keyHash: name, notAfterS: 0 };
}

const certificates = [
  certificate('ec default', 'ec', 'a.test', 'www.a.test'),
  certificate('ec wildcard', 'ec', '*.a.test'),
  certificate('ec b', 'ec', 'b.test'),
  certificate('rsa default', 'rsa', 'a.test'),
  certificate('rsa wildcard', 'rsa', '*.a.test'),
];

/** What a client is served that asks for the name. */
function served(serverName: string | undefined): readonly string[] {
  return certificatesFor(certificates, matchCertificateName(certificates, serverName)).map(
    ({ name }) => name,
  );
}

describe('the certificates for a server name', () => {
  for (const [serverName, expected] of [
    ['a.test', ['ec default', 'rsa default']],
    ['www.a.test', ['ec default', 'rsa wildcard']],
    ['shop.a.test', ['ec wildcard', 'rsa wildcard']],
    ['b.test', ['ec b']],
    // A wildcard stands for one label (RFC 9525 §6.3).
    ['deep.shop.a.test', ['ec default', 'rsa default']],
    ['unknown.test', ['ec default', 'rsa default']],
    ['test', ['ec default', 'rsa default']],
    [undefined, ['ec default', 'rsa default']],
  ] as const) {
    it(`${serverName ?? 'without one'}: ${expected.join(' and ')}`, () => {
      assert.deepEqual(served(serverName), expected);
    });
  }

  it('are named by no more names than the certificates have, whatever clients ask for', () => {
    const asked = Array.from({ length: 1000 }, (_, index) => `host-${index}.a.test`);
    assert.deepEqual(
      new Set(asked.map((name) => matchCertificateName(certificates, name))),
      new Set(['*.a.test']),
    );
  });
});

describe('the session id context', () => {
  const tls = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ciphers: 'A:B' } as TlsSnapshot;
  const [first, second] = certificates as [CertificateSnapshot, CertificateSnapshot];

  it('is another for each thing that a ticket is bound to (R7), and fits OpenSSL', () => {
    const contexts = [
      sessionIdContext('vs-1', tls, 'a.test', [first]),
      sessionIdContext('vs-2', tls, 'a.test', [first]),
      sessionIdContext('vs-1', tls, 'b.test', [first]),
      sessionIdContext('vs-1', tls, 'a.test', [second]),
      sessionIdContext('vs-1', tls, 'a.test', [first, second]),
      sessionIdContext('vs-1', { ...tls, minVersion: 'TLSv1.3' }, 'a.test', [first]),
      sessionIdContext('vs-1', { ...tls, maxVersion: 'TLSv1.2' }, 'a.test', [first]),
      sessionIdContext('vs-1', { ...tls, ciphers: 'A' }, 'a.test', [first]),
      sessionIdContext('vs-1', tls, 'a.test', [first], 'policy 1'),
      sessionIdContext('vs-1', tls, 'a.test', [first], 'policy 2'),
    ];
    assert.equal(new Set(contexts).size, contexts.length);
    for (const context of contexts) assert.equal(context.length, 32);
    assert.equal(sessionIdContext('vs-1', tls, 'a.test', [first]), contexts[0]);
  });
});
