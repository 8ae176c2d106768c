// Certificates of clients: who is let in and who is not, in both TLS versions and HTTP versions, on full and on resumed connections.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Certificate, createTemporaryCa, type TemporaryCa } from '@limpet/testkit';
import {
  authorities,
  bothTlsVersions,
  type CertificateBed,
  chained,
  clientWith,
  lists,
  startCertificateBed,
  startTellingServer,
  visit,
} from './support/client-certificates.ts';
import { eventually } from './support/engine.ts';
import type { OriginServer } from './support/origin-server.ts';

let ca: TemporaryCa;
let issuing: TemporaryCa;
let deep: TemporaryCa;
let onlySent: TemporaryCa;
let certificates: Readonly<Record<string, Certificate>>;
let origin: OriginServer;
before(async () => {
  [ca, origin] = await Promise.all([createTemporaryCa('Root'), startTellingServer()]);
  const stranger = await createTemporaryCa('Stranger');
  issuing = await ca.issueAuthority('Issuing');
  deep = await issuing.issueAuthority('Deep');
  onlySent = await ca.issueAuthority('Only Sent');
  certificates = {
    good: await ca.issue({ clientSubject: 'O=Limpet, OU=Engines, CN=Ada' }),
    expired: await ca.issue({ clientSubject: 'CN=Late', days: -1 }),
    revoked: await ca.issue({ clientSubject: 'CN=Gone' }),
    untrusted: await stranger.issue({ clientSubject: 'CN=Unknown' }),
    'of an intermediate': await issuing.issue({ clientSubject: 'CN=Below' }),
    'of an intermediate without a list': chained(
      await onlySent.issue({ clientSubject: 'CN=Chained' }),
      onlySent,
    ),
    'too deep': await deep.issue({ clientSubject: 'CN=Far Below' }),
    'for servers': await ca.issue({ dnsNames: ['client.test'], serverOnly: true }),
  };
});
after(() => origin.stop());

describe('a client', () => {
  for (const mode of ['REQUEST', 'REQUIRE'] as const) {
    describe(`of a virtual service with SSL_CLIENT_CERTIFICATE_${mode}`, () => {
      let bed: CertificateBed;
      /** Of each connection, in order: what the record has to say of it. */
      const expected: Record<string, unknown>[] = [];
      before(async () => {
        const cas = [ca, issuing, deep];
        bed = await startCertificateBed(origin, mode, {
          ...authorities(...cas),
          ...(await lists(cas, certificates.revoked as Certificate)),
          limpet_chain_depth_max: 2,
        });
      });
      after(() => bed.stop());

      for (const version of bothTlsVersions) {
        for (const [name, subject, issuer] of [
          ['good', 'CN=Ada,OU=Engines,O=Limpet', 'CN=Root'],
          ['of an intermediate', 'CN=Below', 'CN=Issuing'],
        ] as const) {
          it(`whose certificate is ${name} is served and named to the server, resumed or not (R8, ${version})`, async () => {
            const client = clientWith(certificates[name], version);
            for (const reused of [false, true, true]) {
              const seen = await visit(client, bed.port);
              assert.equal(seen.reused, reused, seen.error);
              const { told = {} } = seen;
              assert.equal(told['x-ssl-client-subject'], subject);
              assert.equal(told['x-ssl-client-issuer'], issuer);
              assert.match(told['x-ssl-client-serial'] ?? '', /^[0-9A-F]+$/);
              assert.match(told['x-ssl-client-fingerprint'] ?? '', /^[0-9a-f]{64}$/);
              expected.push({
                ssl_session_reused: reused,
                ssl_client_verify: 'verified',
                ssl_client_subject: subject,
                ssl_client_serial: told['x-ssl-client-serial'],
                ssl_client_fingerprint: told['x-ssl-client-fingerprint'],
                ended_by: 'http',
                requests: 1,
              });
            }
          });
        }

        for (const [name, reason, outcome] of [
          ['expired', 'CERT_HAS_EXPIRED', 'expired'],
          ['revoked', 'CERT_REVOKED', 'revoked'],
          ['untrusted', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'untrusted'],
          ['too deep', 'CERT_CHAIN_TOO_LONG', 'untrusted'],
          ['for servers', 'INVALID_PURPOSE', 'untrusted'],
          ['of an intermediate without a list', 'UNABLE_TO_GET_CRL', 'unresolved'],
        ] as const) {
          it(`whose certificate is ${name} is refused, again and again (${version})`, async () => {
            const client = clientWith(certificates[name], version);
            const counted = () => bed.engine.metric('limpet_client_certificates_total', `"${outcome}"`);
            const issued = await bed.engine.metric('limpet_tickets_issued_total');
            const before = await counted();
            for (const attempt of [1, 2, 3]) {
              const { told } = await visit(client, bed.port);
              assert.equal(told, undefined, 'nothing of it reaches the server');
              await eventually(
                async () => (await counted()) === before + attempt,
                `it is counted as ${outcome}`,
              );
              expected.push(refusal('CLIENT_CERTIFICATE_REFUSED', reason));
            }
            if (version === 'TLSv1.2') return;
            assert.equal(client.tickets.length, 0, 'it got no ticket');
            // Where one is required Node closes the connection, and then OpenSSL makes tickets that do not leave, nor are good for anything.
            if (mode === 'REQUIRE') return;
            assert.equal(await bed.engine.metric('limpet_tickets_issued_total'), issued, 'none was made');
          });
        }

        it(`without a certificate is ${mode === 'REQUEST' ? 'served, and nobody is named' : 'refused with an alert'} (${version})`, async () => {
          const client = clientWith(undefined, version);
          for (const reused of [false, true]) {
            const seen = await visit(client, bed.port);
            if (mode === 'REQUEST') {
              assert.equal(seen.reused, reused);
              assert.deepEqual(seen.told, {});
              expected.push({
                ssl_session_reused: reused,
                ssl_client_verify: 'none',
                ended_by: 'http',
                requests: 1,
              });
            } else {
              assert.equal(seen.told, undefined);
              const alert = version === 'TLSv1.3' ? /ALERT_CERTIFICATE_REQUIRED/ : /ALERT_HANDSHAKE_FAILURE/;
              assert.match(seen.error, alert);
              expected.push(refusal('CLIENT_CERTIFICATE_MISSING', 'missing'));
            }
          }
        });
      }

      it('is in the record of its connection, with what became of its certificate', async () => {
        const { port } = bed;
        await visit(clientWith(certificates.good), port);
        await bed.connectionRecord(expected.length + 1);
        const records = bed.engine.records().filter(({ record }) => record === 'connection');
        for (const [index, wanted] of expected.entries()) {
          const found = records[index] ?? {};
          const compared = Object.fromEntries(Object.keys(wanted).map((field) => [field, found[field]]));
          assert.deepEqual(compared, wanted, `connection ${index}`);
        }
      });
    });
  }
});

function refusal(error: string, reason: string): Record<string, unknown> {
  return {
    error,
    error_detail: reason === 'missing' ? undefined : reason,
    ssl_client_verify: reason,
    ssl_client_subject: undefined,
    ended_by: 'handshake',
    requests: 0,
    significant_log: ['ADF_CLIENT_SSL_HANDSHAKE_FAILURE'],
  };
}
