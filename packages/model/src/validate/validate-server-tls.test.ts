// Tests of TLS to servers: what it refers to has to be there, and names have to be names.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTemporaryCa } from '@limpet/testkit';
import { assertOnlyProblem, configurationWith, problemsOf } from '../test-configuration.ts';

const ca = await createTemporaryCa();
const pki = { name: 'internal', ca_certs: [{ certificate: ca.certificatePem }] };
const authority = {
  name: 'authority',
  type: 'SSL_CERTIFICATE_TYPE_CA',
  certificate: { certificate: ca.certificatePem },
};

function poolWith(pool: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}) {
  const fields = Object.entries(pool).map(([name, value]) => [`Pool[0].${name}`, value]);
  return configurationWith({
    'Pool[0].ssl_profile_ref': 'System-Standard',
    PKIProfile: [pki],
    ...Object.fromEntries(fields),
    ...more,
  });
}

describe('a pool with TLS to its servers', () => {
  it('is valid with a PKI profile, names, addresses to verify and a name to ask for', () => {
    const valid = {
      pki_profile_ref: 'internal',
      server_name: 'Web_1.internal',
      host_check_enabled: true,
      domain_name: ['web.internal', '127.0.0.1', '2001:db8::1'],
    };
    assert.deepEqual(problemsOf(poolWith(valid)), []);
  });

  const rows: readonly (readonly [
    title: string,
    pool: Readonly<Record<string, unknown>>,
    field: string,
    message: RegExp,
  ])[] = [
    ['that refers to no SSL profile', { ssl_profile_ref: 'gone' }, 'ssl_profile_ref', /no SSLProfile "gone"/],
    ['that refers to no PKI profile', { pki_profile_ref: 'gone' }, 'pki_profile_ref', /no PKIProfile "gone"/],
    [
      'that refers to no certificate of its own',
      { ssl_key_and_certificate_ref: 'gone' },
      'ssl_key_and_certificate_ref',
      /no SSLKeyAndCertificate "gone"/,
    ],
    ['that asks for an address by SNI', { server_name: '127.0.0.1' }, 'server_name', /no host name/],
    ['that asks for an IPv6 address by SNI', { server_name: '::1' }, 'server_name', /no host name/],
    ['that asks for a wildcard by SNI', { server_name: '*.internal' }, 'server_name', /no host name/],
    ['that asks for a name with a port', { server_name: 'web.internal:443' }, 'server_name', /no host name/],
    ['that asks for a name with a line break', { server_name: 'web\r\nX: y' }, 'server_name', /no host name/],
    [
      'that verifies something else than names and addresses',
      { host_check_enabled: true, domain_name: ['web.internal', 'https://web.internal/'] },
      'domain_name[1]',
      /no host name and no address/,
    ],
    [
      'that puts a name in the place of the Host where a server has none',
      { rewrite_host_header_to_server_name: true, 'servers[0].hostname': 'a.internal' },
      'servers[1].hostname',
      /rewrite_host_header_to_server_name of the pool/,
    ],
  ];
  for (const [title, pool, field, message] of rows) {
    it(`${title} is refused`, () => assertOnlyProblem(poolWith(pool), `Pool "demo-pool", ${field}`, message));
  }

  it('that would show the certificate of an authority is refused: it has no key', () => {
    const configuration = poolWith({ ssl_key_and_certificate_ref: 'authority' });
    configuration.SSLKeyAndCertificate?.push(authority);
    assertOnlyProblem(
      configuration,
      'Pool "demo-pool", ssl_key_and_certificate_ref',
      /"authority" is a CA's certificate/,
    );
  });
});

describe('a server that rewrites the Host', () => {
  it('and has no name to put there is refused', () => {
    assertOnlyProblem(
      poolWith({ 'servers[1].rewrite_host_header': true }),
      'Pool "demo-pool", servers[1].hostname',
      /must be a host name: rewrite_host_header puts it/,
    );
  });
});

describe('an HTTPS monitor', () => {
  const monitorWith = (attributes: Readonly<Record<string, unknown>>) =>
    configurationWith({
      HealthMonitor: [
        {
          name: 'https',
          type: 'HEALTH_MONITOR_HTTPS',
          https_monitor: {
            http_request: 'GET / HTTP/1.0',
            http_response_code: ['HTTP_2XX'],
            ssl_attributes: { ssl_profile_ref: 'System-Standard', ...attributes },
          },
        },
      ],
      'Pool[0].health_monitor_refs': ['https'],
    });

  it('is held to the same: references that are there, and a name that is one', () => {
    assert.deepEqual(problemsOf(monitorWith({ server_name: 'web.internal' })), []);
    for (const [field, value, message] of [
      ['ssl_profile_ref', 'gone', /no SSLProfile "gone"/],
      ['pki_profile_ref', 'gone', /no PKIProfile "gone"/],
      ['ssl_key_and_certificate_ref', 'gone', /no SSLKeyAndCertificate "gone"/],
      ['server_name', '10.0.0.1', /no host name/],
    ] as const)
      assertOnlyProblem(
        monitorWith({ [field]: value }),
        `HealthMonitor "https", https_monitor.ssl_attributes.${field}`,
        message,
      );
  });
});
