// Tests of what is asked of clients' certificates: what nobody could judge, and what anybody would get around, is refused by place.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTemporaryCa } from '@limpet/testkit';
import { assertOnlyProblem, configurationWith, load, problemsOf, whereOf } from '../test-configuration.ts';

const ca = await createTemporaryCa('Root');
const below = await ca.issueAuthority('Issuing');
const REQUIRE = 'SSL_CLIENT_CERTIFICATE_REQUIRE';

/** A configuration that requires certificates, with changes of HTTP profile, PKI profile and others. */
function requiring(
  http: Record<string, unknown> = {},
  pki: Record<string, unknown> = {},
  edits: Record<string, unknown> = {},
) {
  const profile = {
    ssl_client_certificate_mode: REQUIRE,
    pki_profile_ref: 'clients',
    ...http,
  };
  const authorities = { name: 'clients', ca_certs: [{ certificate: ca.certificatePem }], crl_check: false };
  return configurationWith({
    'ApplicationProfile[0].http_profile': profile,
    PKIProfile: [{ ...authorities, ...pki }],
    ...edits,
  });
}

const noticesOf = (input: unknown) =>
  load(input).notices.map((notice) => `${whereOf(notice)}: ${notice.message}`);
const crls = async (...authorities: readonly { revocationList: typeof ca.revocationList }[]) => ({
  crl_check: true,
  crls: await Promise.all(authorities.map(async (authority) => ({ body: await authority.revocationList() }))),
});

describe('a configuration that asks clients for certificates', () => {
  it('with a PKIProfile that has a root is good', () => {
    assert.deepEqual(problemsOf(requiring()), []);
    assert.deepEqual(noticesOf(requiring()), []);
  });

  for (const mode of [REQUIRE, 'SSL_CLIENT_CERTIFICATE_REQUEST']) {
    it(`needs a PKIProfile with ${mode}`, () => {
      assertOnlyProblem(
        requiring({ ssl_client_certificate_mode: mode, pki_profile_ref: undefined }),
        'ApplicationProfile "demo-http", http_profile.pki_profile_ref',
        /is missing/,
      );
    });

    it(`needs a service that terminates TLS with ${mode}`, () => {
      const services = [{ port: 8080 }];
      const found = problemsOf(
        requiring(
          { ssl_client_certificate_mode: mode },
          {},
          {
            'VirtualService[0].services': services,
            'Pool[0].application_persistence_profile_ref': undefined,
          },
        ),
      );
      assert.deepEqual(found.map(whereOf), ['VirtualService "demo", application_profile_ref']);
      assert.match(found[0]?.message ?? '', /needs a service with enable_ssl/);
    });
  }

  it('needs a PKIProfile that there is', () => {
    assertOnlyProblem(
      requiring({ pki_profile_ref: 'others' }),
      'ApplicationProfile "demo-http", http_profile.pki_profile_ref',
      /there is no PKIProfile "others"/,
    );
  });

  it('needs a root, since no chain would end anywhere else', () => {
    assertOnlyProblem(
      requiring({}, { ca_certs: [{ certificate: below.certificatePem }] }),
      'ApplicationProfile "demo-http", http_profile.pki_profile_ref',
      /has no root/,
    );
  });

  it('is not got around by a service without TLS, unless that only sends clients to https', () => {
    const services = [{ port: 8443, enable_ssl: true }, { port: 8080 }];
    const edits = { 'VirtualService[0].services': services };
    assertOnlyProblem(
      requiring({}, {}, edits),
      'VirtualService "demo", services[1].enable_ssl',
      /would be served without a certificate/,
    );
    assert.deepEqual(problemsOf(requiring({ http_to_https: true }, {}, edits)), []);
    const asked = { ssl_client_certificate_mode: 'SSL_CLIENT_CERTIFICATE_REQUEST' };
    assert.deepEqual(problemsOf(requiring(asked, {}, edits)), []);
  });

  for (const [title, header, field, message] of [
    ['without a value', { request_header: 'X-A' }, 'request_header_value', /is missing/],
    [
      'of a field that has no name here',
      { request_header: 'X-A', request_header_value: 'HTTP_POLICY_VAR_HTTP_HDR' },
      'request_header_value',
      /HTTP_POLICY_VAR_HTTP_HDR is not supported; supported are/,
    ],
    [
      'of a user that nobody knows',
      { request_header: 'X-A', request_header_value: 'HTTP_POLICY_VAR_USER_NAME' },
      'request_header_value',
      /HTTP_POLICY_VAR_USER_NAME is not supported/,
    ],
    [
      'under a name that frames the request',
      { request_header: 'Content_Length', request_header_value: 'HTTP_POLICY_VAR_SSL_CLIENT_SUBJECT' },
      'request_header',
      /is not for this/,
    ],
  ] as const) {
    it(`refuses a header ${title}`, () => {
      assertOnlyProblem(
        requiring({ ssl_client_certificate_action: { headers: [header] } }),
        `ApplicationProfile "demo-http", http_profile.ssl_client_certificate_action.headers[0].${field}`,
        message,
      );
    });
  }

  it('refuses two headers that a server could take for one', () => {
    const value = { request_header_value: 'HTTP_POLICY_VAR_SSL_CLIENT_SUBJECT' };
    const headers = [
      { request_header: 'X-User', ...value },
      { request_header: 'x_user', ...value },
    ];
    assertOnlyProblem(
      requiring({ ssl_client_certificate_action: { headers } }),
      'ApplicationProfile "demo-http", http_profile.ssl_client_certificate_action.headers[1].request_header',
      /is there before/,
    );
  });

  it('refuses a field of the action that Avi does not have', () => {
    assertOnlyProblem(
      requiring({ ssl_client_certificate_action: { header: [] } }),
      'ApplicationProfile "demo-http", http_profile.ssl_client_certificate_action.header',
      /did you mean "headers"/,
    );
  });
});

describe('a revocation list of a PKIProfile', () => {
  it('has to be of an authority in it, signed by it, and whole', async () => {
    const [stranger, namesake] = await Promise.all([
      createTemporaryCa('Stranger'),
      createTemporaryCa('Root'),
    ]);
    for (const [body, message] of [
      [await stranger.revocationList(), /is of an authority that is not among ca_certs/],
      [await namesake.revocationList(), /does not bear the signature of its authority/],
      [(await ca.revocationList()).replace(/\n.{20}/, '\n'), /list 1 in it/],
    ] as const) {
      assertOnlyProblem(
        requiring({}, { crl_check: true, crls: [{ body }] }),
        'PKIProfile "clients", crls[0].body',
        message,
      );
    }
  });

  it('may be late: that is said, and no reason to refuse everything else', async () => {
    const crls = [{ body: await ca.revocationList({ days: -1 }) }];
    const notices = noticesOf(requiring({}, { crl_check: true, crls }));
    assert.equal(notices.length, 1);
    assert.match(notices[0] ?? '', /^PKIProfile "clients", crls\[0\]\.body: has expired/);
  });

  it('is missed where crl_check is on and there is none, or none of an authority that issues', async () => {
    assert.match(
      noticesOf(requiring({}, { crl_check: true })).join(),
      /^PKIProfile "clients", crls: is empty/,
    );
    const both = [ca, below].map(({ certificatePem }) => ({ certificate: certificatePem }));
    const ofRoot = noticesOf(requiring({}, { ca_certs: both, ...(await crls(ca)) }));
    assert.match(ofRoot.join(), /^PKIProfile "clients", ca_certs\[1\]\.certificate: has no list/);
    assert.deepEqual(noticesOf(requiring({}, { ca_certs: both, ...(await crls(below)) })), []);
    const ofAll = { validate_only_leaf_crl: false, ca_certs: both, ...(await crls(below)) };
    assert.match(noticesOf(requiring({}, ofAll)).join(), /ca_certs\[0\]\.certificate: has no list/);
  });
});

describe('what is asked of nobody', () => {
  it('is said to have no effect', () => {
    const mode = { ssl_client_certificate_mode: 'SSL_CLIENT_CERTIFICATE_NONE' };
    const headers = [
      { request_header: 'X-User', request_header_value: 'HTTP_POLICY_VAR_SSL_CLIENT_SUBJECT' },
    ];
    const notices = noticesOf(requiring({ ...mode, ssl_client_certificate_action: { headers } }));
    assert.equal(notices.length, 2);
    for (const notice of notices) assert.match(notice, /has no effect/);
  });
});
