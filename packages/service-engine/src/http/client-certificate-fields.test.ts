// Tests of the fields about the client: what is added, and that nothing like it comes from the client.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClientCertificateFieldsSnapshot, HttpSnapshot } from '@limpet/model';
import { createTemporaryCa } from '@limpet/testkit';
import { chainCertificate } from '../tls/chain-certificate.ts';
import { ClientCertificate } from '../tls/client-certificate.ts';
import { clientCertificateLines, withoutClientCertificateFields } from './client-certificate-fields.ts';
import type { ClientIdentity } from './client-identity.ts';
import type { ProxiedConnection } from './proxied-connection.ts';

const ca = await createTemporaryCa('Root');
const { certificatePem } = await ca.issue({ clientSubject: 'O=Limpet, CN=Ada' });
const certificate = new ClientCertificate([chainCertificate(certificatePem) as never]);
const tls = { tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', serverName: 'a.test' };

function httpOf(
  added: ClientCertificateFieldsSnapshot['added'],
  stripped: readonly string[] = [],
): HttpSnapshot {
  return { clientCertificateFields: { added, stripped } } as unknown as HttpSnapshot;
}

function connectionOf(identity: ClientIdentity | undefined): ProxiedConnection {
  return {
    identity,
    client: { ip: '192.0.2.1', port: 5 },
    local: { ip: '2001:db8::1', port: 443 },
  } as unknown as ProxiedConnection;
}

const everyVariable = [
  'subject',
  'issuer',
  'serial',
  'fingerprint',
  'certificate',
  'escaped-certificate',
  'certificate-version',
  'signature-algorithm',
  'not-before',
  'not-after',
  'tls-version',
  'cipher',
  'server-name',
  'client-ip',
  'local-ip',
  'local-port',
  'request-id',
] as const;
const everything = httpOf(everyVariable.map((variable) => ({ name: `x-${variable}`, variable })));
const namesIn = (lines: string) => lines.split('\r\n').flatMap((line) => line.split(':')[0] || []);

describe('the fields about a client', () => {
  it('say everything of one that has shown a certificate, each in a line', () => {
    const lines = clientCertificateLines(connectionOf({ ...tls, certificate }), everything, 'r-1');
    assert.deepEqual(
      namesIn(lines),
      everyVariable.map((variable) => `x-${variable}`),
    );
    assert.match(lines, /^x-subject: CN=Ada,O=Limpet\r\n/);
    assert.match(lines, /\r\nx-local-ip: 2001:db8::1\r\nx-local-port: 443\r\nx-request-id: r-1\r\n$/);
    for (const line of lines.split('\r\n')) assert.match(line, /^[\x20-\x7e]*$/);
  });

  it('say nothing of a certificate where there is none, and nothing of TLS without TLS', () => {
    const anonymous = namesIn(clientCertificateLines(connectionOf(tls), everything, 'r'));
    assert.deepEqual(
      anonymous,
      ['tls-version', 'cipher', 'server-name', 'client-ip', 'local-ip', 'local-port', 'request-id'].map(
        (name) => `x-${name}`,
      ),
    );
    const plain = namesIn(clientCertificateLines(connectionOf(undefined), everything, 'r'));
    assert.deepEqual(
      plain,
      ['client-ip', 'local-ip', 'local-port', 'request-id'].map((name) => `x-${name}`),
    );
    assert.equal(clientCertificateLines(connectionOf({ ...tls, certificate }), {} as HttpSnapshot, 'r'), '');
  });

  it('have the id of each request, and the names of the configuration that holds', () => {
    const connection = connectionOf({ ...tls, certificate });
    const first = httpOf([
      { name: 'A', variable: 'subject' },
      { name: 'B', variable: 'request-id' },
    ]);
    assert.equal(clientCertificateLines(connection, first, '1'), 'A: CN=Ada,O=Limpet\r\nB: 1\r\n');
    assert.equal(clientCertificateLines(connection, first, '2'), 'A: CN=Ada,O=Limpet\r\nB: 2\r\n');
    const second = httpOf([{ name: 'C', variable: 'issuer' }]);
    assert.equal(clientCertificateLines(connection, second, '3'), 'C: CN=Root\r\n');
  });

  it('are taken out of what a client sends, whatever their case and with underscores, and nothing else is', () => {
    const http = httpOf([], ['x-ssl-client-subject', 'client-cert']);
    const lines = [
      'Accept: a',
      'X-SSL-Client-Subject: CN=admin',
      'x_ssl_client_subject: CN=admin',
      'X-Ssl_Client-Subject: CN=admin',
      'X.SSL~Client-Subject: CN=admin',
      'CLIENT_CERT: :AA==:',
      'X-SSL-Client-Subjects: kept',
      'b: X-SSL-Client-Subject: kept',
    ].map((line) => `${line}\r\n`);
    const kept = [lines[0], lines[6], lines[7]].join('');
    assert.equal(withoutClientCertificateFields(lines.join(''), http), kept);
    assert.equal(withoutClientCertificateFields(lines.join(''), {} as HttpSnapshot), lines.join(''));
  });
});
