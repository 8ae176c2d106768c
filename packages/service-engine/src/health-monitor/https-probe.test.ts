// The HTTP probe over TLS: all that a probe promises, and what is wrong with a handshake or a certificate.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HealthMonitorSnapshot, MonitorTlsSnapshot } from '@limpet/model';
import { type Certificate, createTemporaryCa } from '@limpet/testkit';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { createTlsClient } from '../tls/create-tls-client.ts';
import { probeHttp } from './http-probe.ts';
import { describeProbe } from './probe.conformance.ts';
import { type ProbeTarget, startTarget } from './probe-target.ts';

type HttpMonitor = HealthMonitorSnapshot & { kind: 'http' };

const ca = await createTemporaryCa();
const good = await ca.issue({ dnsNames: ['web.test'] });

const pki = {
  name: 'internal',
  authorities: [ca.certificatePem],
  revocationLists: [],
  onlyLeafRevocation: true,
  ignorePeerChain: false,
};
const tls: MonitorTlsSnapshot = {
  client: {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256',
    honorCipherOrder: true,
    sessionTimeoutS: 600,
    sessionReuse: true,
    pki,
  },
  serverName: 'web.test',
  verifiedNames: [],
};
const monitor: HttpMonitor = {
  kind: 'http',
  name: 'https',
  sendIntervalMs: 10_000,
  receiveTimeoutMs: 2000,
  successfulChecks: 1,
  failedChecks: 1,
  request: 'GET /health HTTP/1.1',
  exact: false,
  statusRanges: [[200, 299]],
  tls,
};

// Certificates are of now, whatever the fake clock says.
const now = { unixMs: () => Date.now(), monotonicMs: () => 0 };
const tlsClientOf = (snapshot: MonitorTlsSnapshot['client']) => createTlsClient(snapshot, new Map(), now);

describeProbe(
  'https',
  'HTTP/1.1 200 OK\r\n\r\n',
  (target, response, services) => probeHttp(target, { ...monitor, response }, { ...services, tlsClientOf }),
  good,
);

async function verdictOf(target: ProbeTarget, changes: Partial<MonitorTlsSnapshot> = {}): Promise<string> {
  const clock = createFakeClock();
  const result = await probeHttp(
    target.address,
    { ...monitor, tls: { ...tls, ...changes } },
    { clock, deadlines: clock.deadlines, tlsClientOf },
  );
  await target.stop();
  return result.ok ? 'ok' : `${result.failureCode} ${/^\w+/.exec(result.reason)?.[0] ?? ''}`;
}

function answering(certificate: Certificate | undefined): Promise<ProbeTarget> {
  return startTarget(
    (socket, chunk) => chunk !== '' && socket.end('HTTP/1.1 200 OK\r\n\r\n'),
    undefined,
    certificate,
  );
}

describe('the HTTPS probe', () => {
  it('takes a certificate of the authority, for any name unless names are given', async () => {
    assert.equal(await verdictOf(await answering(good)), 'ok');
    assert.equal(await verdictOf(await answering(good), { verifiedNames: ['x.test', 'web.test'] }), 'ok');
    assert.equal(
      await verdictOf(await answering(good), { verifiedNames: ['x.test'] }),
      'SSL_CERT_ERROR ERR_TLS_CERT_ALTNAME_INVALID',
    );
  });

  it('refuses one that has expired, is revoked, or comes from elsewhere', async () => {
    const expired = await ca.issue({ dnsNames: ['web.test'], days: -1 });
    assert.equal(await verdictOf(await answering(expired)), 'SSL_CERT_ERROR CERT_HAS_EXPIRED');
    const revocationLists = [await ca.revocationList({ revoked: [good.certificatePem] })];
    const client = { ...tls.client, pki: { ...pki, revocationLists } };
    assert.equal(await verdictOf(await answering(good), { client }), 'SSL_CERT_ERROR CERT_REVOKED');
    const stranger = await (await createTemporaryCa()).issue({ dnsNames: ['web.test'] });
    assert.match(await verdictOf(await answering(stranger)), /^SSL_CERT_ERROR /);
    const { pki: _, ...unverified } = tls.client;
    assert.equal(await verdictOf(await answering(stranger), { client: unverified }), 'ok');
  });

  it('says that the handshake failed with a target that speaks no TLS, or closes', async () => {
    const plain = await startTarget((socket) => socket.write('HTTP/1.1 400 Bad\r\n\r\n'));
    assert.match(await verdictOf(plain), /^SSL_ERROR ERR_SSL_/);
    const closing = await startTarget((socket, chunk) => chunk !== '' && socket.destroy());
    assert.match(await verdictOf(closing), /^SSL_ERROR /);
  });

  it('gives up on a handshake at the receive timeout', async () => {
    const clock = createFakeClock();
    const target = await startTarget();
    const result = probeHttp(target.address, monitor, { clock, deadlines: clock.deadlines, tlsClientOf });
    await target.until(() => target.received !== '');
    clock.advance(2100);
    const verdict = await result;
    assert.equal(verdict.ok ? '' : verdict.failureCode, 'SSL_ERROR');
    await target.until(() => target.closed === 1);
    await target.stop();
  });
});
