import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSnapshot } from '@limpet/model';
import { certificatesFor, matchCertificateName } from './tls-policy.ts';

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
