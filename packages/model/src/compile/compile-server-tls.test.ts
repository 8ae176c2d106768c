// Tests of compiled TLS to servers: of a pool, and of the monitors that probe its servers.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTemporaryCa } from '@limpet/testkit';
import { configurationWith, ecCertificate, load } from '../test-configuration.ts';

const ca = await createTemporaryCa();
const list = await ca.revocationList();

function compiled(pool: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}) {
  const configuration = configurationWith({
    PKIProfile: [
      { name: 'internal', ca_certs: [{ certificate: ca.certificatePem }], crls: [{ body: list }] },
    ],
    ...Object.fromEntries(Object.entries(pool).map(([name, value]) => [`Pool[0].${name}`, value])),
    ...more,
  });
  const { compiled } = load(configuration);
  const [made] = compiled.snapshot.pools;
  assert.ok(made !== undefined);
  return { tls: made.tls, monitors: made.healthMonitors, compiled };
}

const SECURE = { ssl_profile_ref: 'System-Standard' };

describe('the compiled TLS of a pool', () => {
  it('is none without an SSL profile', () => {
    assert.equal(compiled({}).tls, undefined);
  });

  it('verifies nobody without a PKI profile, and asks for the host of the request', () => {
    const { tls } = compiled(SECURE);
    assert.equal(tls?.client.pki, undefined);
    assert.equal(tls?.client.certificate, undefined);
    assert.deepEqual(tls?.serverName, { kind: 'request-host' });
    assert.deepEqual(tls?.verifiedNames, { kind: 'none' });
  });

  it('has the authorities, lists and flags of its PKI profile', () => {
    const { tls } = compiled({ ...SECURE, pki_profile_ref: 'internal' });
    assert.equal(tls?.client.pki?.authorities.length, 1);
    assert.equal(tls?.client.pki?.revocationLists.length, 1);
    assert.equal(tls?.client.pki?.onlyLeafRevocation, true);
    assert.equal(tls?.client.pki?.ignorePeerChain, false);
  });

  it('looks nothing up where crl_check is off', () => {
    const profile = {
      name: 'internal',
      ca_certs: [{ certificate: ca.certificatePem }],
      crls: [{ body: list }],
      crl_check: false,
    };
    const { tls } = compiled({ ...SECURE, pki_profile_ref: 'internal' }, { PKIProfile: [profile] });
    assert.deepEqual(tls?.client.pki?.revocationLists, []);
  });

  it('has names in lower case, or none where they are turned off', () => {
    const named = {
      server_name: 'Web.Internal',
      host_check_enabled: true,
      domain_name: ['A.Internal', '::1'],
    };
    const { tls } = compiled({ ...SECURE, ...named });
    assert.deepEqual(tls?.serverName, { kind: 'names', names: ['web.internal'] });
    assert.deepEqual(tls?.verifiedNames, { kind: 'names', names: ['a.internal', '::1'] });
    const off = compiled({ ...SECURE, ...named, sni_enabled: false, host_check_enabled: false });
    assert.deepEqual([off.tls?.serverName, off.tls?.verifiedNames], [{ kind: 'none' }, { kind: 'none' }]);
    const byRequest = compiled({ ...SECURE, host_check_enabled: true });
    assert.deepEqual(byRequest.tls?.verifiedNames, { kind: 'request-host' });
  });

  it('names the key of its certificate by a hash: the key itself is among the secrets, and not in the snapshot', () => {
    const { tls, compiled: made } = compiled({ ...SECURE, ssl_key_and_certificate_ref: 'demo-certificate' });
    const keyHash = tls?.client.certificate?.keyHash ?? '';
    assert.equal(made.secrets.get(keyHash)?.trim(), ecCertificate.privateKeyPem.trim());
    assert.ok(!JSON.stringify(made.snapshot).includes('PRIVATE KEY'));
  });
});

describe('the compiled TLS of an HTTPS monitor', () => {
  const monitor = (attributes?: Readonly<Record<string, unknown>>) => ({
    HealthMonitor: [
      {
        name: 'https',
        type: 'HEALTH_MONITOR_HTTPS',
        https_monitor: {
          http_request: 'GET / HTTP/1.0',
          http_response_code: ['HTTP_2XX'],
          ...(attributes === undefined ? {} : { ssl_attributes: attributes }),
        },
      },
    ],
    'Pool[0].health_monitor_refs': ['https'],
  });
  const tlsOf = (pool: Readonly<Record<string, unknown>>, attributes?: Readonly<Record<string, unknown>>) => {
    const [made] = compiled(pool, monitor(attributes)).monitors;
    assert.ok(made?.kind === 'http' && made.tls !== undefined);
    return made.tls;
  };
  const named = { server_name: 'Web.Internal', host_check_enabled: true, domain_name: ['a.internal'] };

  it('is that of its own attributes, where it has them, and nothing of the pool', () => {
    const tls = tlsOf(
      { ...SECURE, ...named, pki_profile_ref: 'internal' },
      {
        ssl_profile_ref: 'System-Standard',
        server_name: 'Probe.Internal',
      },
    );
    assert.equal(tls.serverName, 'probe.internal');
    assert.deepEqual(tls.verifiedNames, []);
    assert.equal(tls.client.pki, undefined);
  });

  it('is that of the pool otherwise, authorities and names included', () => {
    const tls = tlsOf({ ...SECURE, ...named, pki_profile_ref: 'internal' });
    assert.equal(tls.serverName, 'web.internal');
    assert.deepEqual(tls.verifiedNames, ['a.internal']);
    assert.equal(tls.client.pki?.authorities.length, 1);
  });

  it('names and verifies no host of a request, which a probe does not have', () => {
    const tls = tlsOf({ ...SECURE, host_check_enabled: true });
    assert.equal(tls.serverName, undefined);
    assert.deepEqual(tls.verifiedNames, []);
  });

  it('is that of the system’s profile where the pool has none', () => {
    const tls = tlsOf({});
    assert.equal(tls.client.maxVersion, 'TLSv1.3');
    assert.equal(tls.client.pki, undefined);
  });
});
