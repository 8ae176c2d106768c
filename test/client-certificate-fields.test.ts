// What servers are told about clients' certificates comes from the engine alone, whatever a client writes into its request.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Certificate, createTemporaryCa, type TemporaryCa } from '@limpet/testkit';
import {
  authorities,
  type CertificateBed,
  clientWith,
  startCertificateBed,
  startTellingServer,
  visit,
} from './support/client-certificates.ts';
import { bothVersions, type HttpClient, openClient } from './support/http-clients.ts';
import type { OriginServer } from './support/origin-server.ts';

/** What a client would write to pass for another. */
const FORGED = {
  'x-ssl-client-subject': 'CN=admin',
  x_ssl_client_subject: 'CN=admin',
  'x-ssl_client-fingerprint': '00',
  'x-ssl-client-serial': '00',
  'x.ssl.client.subject': 'CN=admin',
  'client-cert': ':AA==:',
  client_cert: ':AA==:',
  'client-cert-chain': ':AA==:',
};

let ca: TemporaryCa;
let ada: Certificate;
let origin: OriginServer;
before(async () => {
  ca = await createTemporaryCa('Root');
  ada = await ca.issue({ clientSubject: 'O=Limpet, CN=Ada' });
  origin = await startTellingServer();
});
after(() => origin.stop());

function open(
  version: 'h1' | 'h2',
  port: number,
  certificate: Certificate | undefined,
  session?: Buffer,
): HttpClient {
  return openClient(version, port, {
    ...(certificate === undefined
      ? {}
      : { cert: certificate.certificatePem, key: certificate.privateKeyPem }),
    ...(session === undefined ? {} : { session }),
  });
}

async function told(client: HttpClient, headers: Record<string, string>): Promise<Record<string, string>> {
  const { status, body } = await client.request({ headers });
  assert.equal(status, 200);
  return JSON.parse(body.toString()) as Record<string, string>;
}

describe('fields about a client', () => {
  let bed: CertificateBed;
  before(async () => {
    bed = await startCertificateBed(origin, 'REQUEST', authorities(ca));
  });
  after(() => bed.stop());

  for (const version of bothVersions) {
    it(`are the engine's, and none that a client sends passes, also with underscores (${version})`, async () => {
      const client = open(version, bed.port, ada);
      for (const headers of [{}, FORGED, {}]) {
        const fields = await told(client, headers);
        assert.deepEqual(Object.keys(fields).sort(), [
          'x-ssl-client-fingerprint',
          'x-ssl-client-issuer',
          'x-ssl-client-serial',
          'x-ssl-client-subject',
        ]);
        assert.equal(fields['x-ssl-client-subject'], 'CN=Ada,O=Limpet');
      }
      client.close();
    });

    it(`are the same on a resumed connection (R8, ${version})`, async () => {
      const tickets = clientWith(ada);
      const first = await visit(tickets, bed.port);
      const resumed = () => bed.engine.metric('limpet_handshakes_reused_total');
      const before = await resumed();
      const session = tickets.takeTicket();
      assert.ok(session);
      const client = open(version, bed.port, ada, session);
      assert.deepEqual(await told(client, FORGED), first.told);
      client.close();
      assert.equal(await resumed(), before + 1);
    });

    it(`are not there for a client without a certificate, whatever it sends (${version})`, async () => {
      const client = open(version, bed.port, undefined);
      assert.deepEqual(await told(client, FORGED), {});
      client.close();
    });

    it(`do not come in trailers either (${version})`, async () => {
      const client = open(version, bed.port, undefined);
      const { status, body } = await client.request({
        method: 'POST',
        body: [Buffer.from('body')],
        trailers: { 'x-ssl-client-subject': 'CN=admin', x_ssl_client_subject: 'CN=admin' },
      });
      assert.equal(status, 200);
      assert.deepEqual(JSON.parse(body.toString()), {});
      client.close();
    });
  }
});

describe('fields that the profile names', () => {
  const value = (request_header: string, name: string) => ({
    request_header,
    request_header_value: `HTTP_POLICY_VAR_${name}`,
  });
  const headers = [
    value('X-User', 'SSL_CLIENT_SUBJECT'),
    value('X-User-Certificate', 'SSL_CLIENT_RAW'),
    value('X-User-Escaped', 'SSL_CLIENT_ESCAPED'),
    value('X-User-Protocol', 'SSL_PROTOCOL'),
    value('X-User-Request', 'REQUEST_ID'),
  ];
  let bed: CertificateBed;
  before(async () => {
    bed = await startCertificateBed(origin, 'REQUIRE', authorities(ca), { headers });
  });
  after(() => bed.stop());

  for (const version of bothVersions) {
    it(`take the place of the default ones, each in one line, and come from no client (${version})`, async () => {
      const client = open(version, bed.port, ada);
      const forged = { ...FORGED, 'x-user': 'CN=admin', x_user: 'CN=admin', 'x-user_certificate': ':AA==:' };
      const fields = await told(client, forged);
      assert.deepEqual(
        Object.keys(fields).sort(),
        headers.map(({ request_header }) => request_header.toLowerCase()).sort(),
      );
      assert.equal(fields['x-user'], 'CN=Ada,O=Limpet');
      assert.match(fields['x-user-certificate'] ?? '', /^:[A-Za-z0-9+/=]+:$/);
      const pem = ada.certificatePem.replaceAll(/\s/g, '');
      assert.equal(decodeURIComponent(fields['x-user-escaped'] ?? '').replaceAll(/\s/g, ''), pem);
      assert.match(fields['x-user-protocol'] ?? '', /^TLSv1\.[23]$/);
      const other = await told(client, {});
      assert.notEqual(other['x-user-request'], fields['x-user-request']);
      client.close();
    });
  }
});
