// Tests of the checks of an SSL profile: what OpenSSL would refuse or few clients could use is told before it is in effect.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertOnlyProblem, configurationWith, load, problemsOf } from '../test-configuration.ts';

const only12 = [{ type: 'SSL_VERSION_TLS1_2' }];
const only13 = [{ type: 'SSL_VERSION_TLS1_3' }];

function profileWith(fields: Readonly<Record<string, unknown>>) {
  return configurationWith(
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [`SSLProfile[0].${name}`, value])),
  );
}

describe('an SSL profile is refused', () => {
  const rows: readonly (readonly [
    title: string,
    fields: Readonly<Record<string, unknown>>,
    field: string,
    message: RegExp,
  ])[] = [
    [
      'that accepts old versions alone',
      { accepted_versions: [{ type: 'SSL_VERSION_TLS1' }, { type: 'SSL_VERSION_TLS1_1' }] },
      'accepted_versions',
      /include SSL_VERSION_TLS1_2 or SSL_VERSION_TLS1_3/,
    ],
    ['that accepts no version', { accepted_versions: [] }, 'accepted_versions', /include SSL_VERSION_TLS1_2/],
    [
      'without a group that clients send a key share of',
      { ec_named_curve: 'P-384:P-521' },
      'ec_named_curve',
      /must include X25519 or P-256/,
    ],
    [
      'with a group that OpenSSL does not know',
      { ec_named_curve: 'X25519:curve-of-mine' },
      'ec_named_curve',
      /OpenSSL does not know these groups/,
    ],
    [
      'with ciphers of which OpenSSL knows none',
      { accepted_ciphers: 'NO-SUCH-CIPHER' },
      'accepted_ciphers',
      /OpenSSL finds no cipher in it/,
    ],
    ['with TLS 1.3 and no suite', { ciphersuites: '' }, 'ciphersuites', /is empty, and TLS 1\.3 is accepted/],
    [
      'with a suite that is none of TLS 1.3',
      { ciphersuites: 'ECDHE-RSA-AES128-GCM-SHA256' },
      'ciphersuites',
      /must be names of TLS 1\.3 suites such as TLS_AES_128_GCM_SHA256/,
    ],
    [
      'with suites of which OpenSSL knows none',
      { ciphersuites: 'TLS_NO_SUCH_SUITE' },
      'ciphersuites',
      /OpenSSL knows none of them/,
    ],
    [
      'with a signature algorithm that OpenSSL does not know',
      { signature_algorithm: 'RSA+MD9' },
      'signature_algorithm',
      /OpenSSL does not know these algorithms/,
    ],
  ];
  for (const [title, fields, field, message] of rows) {
    it(title, () => assertOnlyProblem(profileWith(fields), `SSLProfile "demo-tls", ${field}`, message));
  }
});

describe('an SSL profile is accepted', () => {
  for (const [title, fields] of [
    ["with Avi's default of ciphers", { accepted_ciphers: undefined, ciphersuites: undefined }],
    ['of TLS 1.2 alone without a suite', { accepted_versions: only12, ciphersuites: '' }],
    [
      'of TLS 1.3 alone, whatever ciphers of TLS 1.2 it has',
      { accepted_versions: only13, accepted_ciphers: 'NONE' },
    ],
    ['with groups of its own', { ec_named_curve: 'X25519MLKEM768:X25519:P-256' }],
    ['with a P-256 by another name', { ec_named_curve: 'prime256v1' }],
    ['with signature algorithms of its own', { signature_algorithm: 'ECDSA+SHA256:RSA-PSS+SHA256' }],
  ] as const) {
    it(title, () => assert.deepEqual(problemsOf(profileWith(fields)), []));
  }
});

describe('the versions of an SSL profile', () => {
  for (const [versions, minVersion, maxVersion, hasTls12Ciphers] of [
    [only12, 'TLSv1.2', 'TLSv1.2', true],
    [only13, 'TLSv1.3', 'TLSv1.3', false],
    [[...only13, ...only12], 'TLSv1.2', 'TLSv1.3', true],
  ] as const) {
    it(`become ${minVersion} to ${maxVersion}, with the ciphers of these alone`, () => {
      const { compiled } = load(profileWith({ accepted_versions: versions }));
      const tls = compiled.snapshot.virtualServices[0]?.tls;
      assert.equal(tls?.minVersion, minVersion);
      assert.equal(tls?.maxVersion, maxVersion);
      assert.equal(tls?.ciphers.includes('ECDHE-'), hasTls12Ciphers);
      assert.equal(tls?.ciphers.includes('TLS_AES_'), maxVersion === 'TLSv1.3');
    });
  }
});
