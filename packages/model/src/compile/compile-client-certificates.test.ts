// Tests of the compiled policy for certificates of clients, and of the fields that tell servers who they are.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTemporaryCa } from '@limpet/testkit';
import { configurationWith, load } from '../test-configuration.ts';
import { clientCertificateVariables } from './compile-client-certificates.ts';

const ca = await createTemporaryCa('Root');
const below = await ca.issueAuthority('Issuing');

function compiled(http: Record<string, unknown>, pki: Record<string, unknown> = {}) {
  const profile = {
    ssl_client_certificate_mode: 'SSL_CLIENT_CERTIFICATE_REQUIRE',
    pki_profile_ref: 'clients',
    ...http,
  };
  const authorities = {
    name: 'clients',
    ca_certs: [{ certificate: ca.certificatePem + below.certificatePem }],
  };
  const configuration = configurationWith({
    'ApplicationProfile[0].http_profile': profile,
    PKIProfile: [{ ...authorities, ...pki }],
  });
  const [virtualService] = load(configuration).compiled.snapshot.virtualServices;
  assert.ok(virtualService?.tls);
  const { tls, http: compiledHttp } = virtualService;
  return { policy: tls.clientCertificates, fields: compiledHttp.clientCertificateFields };
}

describe('a compiled policy for certificates of clients', () => {
  it('is none where nothing is asked for', () => {
    const { policy, fields } = compiled({ ssl_client_certificate_mode: 'SSL_CLIENT_CERTIFICATE_NONE' });
    assert.equal(policy, undefined);
    assert.equal(fields, undefined);
  });

  it('has the profile’s authorities one by one, its cap and its flags', async () => {
    const pki = { limpet_chain_depth_max: 2, ignore_peer_chain: true, validate_only_leaf_crl: false };
    const { policy } = compiled({}, pki);
    assert.equal(policy?.required, true);
    assert.equal(policy.chainDepthMax, 2);
    assert.equal(policy.pki.authorities.length, 2);
    assert.equal(policy.pki.ignorePeerChain, true);
    assert.equal(policy.pki.onlyLeafRevocation, false);
    assert.equal(policy.listsEndS, undefined);
    const requested = compiled({ ssl_client_certificate_mode: 'SSL_CLIENT_CERTIFICATE_REQUEST' });
    assert.equal(requested.policy?.required, false);
    assert.equal(requested.policy.chainDepthMax, 5);
  });

  it('says when the first list ends, of those that are looked at', async () => {
    const crls = (
      await Promise.all([
        ca.revocationList({ days: 30 }),
        below.revocationList({ days: -2 }),
        below.revocationList({ days: 9 }),
      ])
    ).map((body) => ({ body }));
    const endS = Date.now() / 1000 + 9 * 86_400;
    const { policy } = compiled({}, { crls });
    assert.ok(Math.abs((policy?.listsEndS ?? 0) - endS) < 120);
    assert.equal(policy?.pki.revocationLists.length, 3);
    assert.equal(compiled({}, { crls, crl_check: false }).policy?.listsEndS, undefined);
  });
});

describe('the fields about a client', () => {
  const names = [
    'X-SSL-Client-Subject',
    'X-SSL-Client-Issuer',
    'X-SSL-Client-Serial',
    'X-SSL-Client-Fingerprint',
  ];

  it('are subject, issuer, serial and fingerprint where the profile names none', () => {
    const { fields } = compiled({});
    assert.deepEqual(
      fields?.added.map(({ name }) => name),
      names,
    );
    assert.deepEqual(
      [...fields.stripped],
      [...names.map((name) => name.toLowerCase()), 'client-cert', 'client-cert-chain'],
    );
  });

  it('are those that the profile names, and the others cannot be sent by a client either', () => {
    const headers = [
      { request_header: 'X_User', request_header_value: 'HTTP_POLICY_VAR_SSL_CLIENT_SUBJECT' },
    ];
    const { fields } = compiled({ ssl_client_certificate_action: { headers } });
    assert.deepEqual(fields?.added, [{ name: 'X_User', variable: 'subject' }]);
    assert.ok(fields.stripped.includes('x-user'));
    assert.ok(fields.stripped.includes('x-ssl-client-subject'));
  });

  it('can hold each variable that is said to be supported', () => {
    const headers = Object.keys(clientCertificateVariables).map((request_header_value, index) => ({
      request_header: `X-${index}`,
      request_header_value,
    }));
    const { fields } = compiled({ ssl_client_certificate_action: { headers } });
    assert.deepEqual(
      fields?.added.map(({ variable }) => variable),
      Object.values(clientCertificateVariables),
    );
  });
});
