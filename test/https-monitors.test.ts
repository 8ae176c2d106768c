// HTTPS monitors: a server is up while its certificate, and what it answers over TLS, are as the monitor asks.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Certificate, createTemporaryCa, type TemporaryCa } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type SecureOrigin, startSecureOrigin } from './support/secure-origin.ts';

const origins: SecureOrigin[] = [];
let ca: TemporaryCa;
let good: Certificate;
let engineCertificate: Certificate;
let bed: OneEngine;
before(async () => {
  ca = await createTemporaryCa();
  [good, engineCertificate] = await Promise.all([
    ca.issue({ dnsNames: ['web.internal'] }),
    ca.issue({ dnsNames: ['engine'] }),
  ]);
  bed = await startOneEngine(await start(good), { persistence: false });
});
after(async () => {
  await bed.stop();
  for (const origin of origins) await origin.stop();
});

async function start(
  certificate: Certificate,
  options: Parameters<typeof startSecureOrigin>[1] = {},
): Promise<SecureOrigin> {
  const origin = await startSecureOrigin(certificate, options);
  origins.push(origin);
  return origin;
}

async function monitor(
  origin: SecureOrigin,
  pool: Readonly<Record<string, unknown>>,
  https: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await bed.reload({
    servers: [{ name: 'origin', port: origin.port }],
    monitored: true,
    healthMonitor: {
      type: 'HEALTH_MONITOR_HTTPS',
      https_monitor: { http_request: 'GET /health HTTP/1.1', ...https },
    },
    pool,
    objects: {
      PKIProfile: [{ name: 'internal', ca_certs: [{ certificate: ca.certificatePem }] }],
      SSLKeyAndCertificate: [
        {
          name: 'engine',
          certificate: { certificate: engineCertificate.certificatePem },
          key: engineCertificate.privateKeyPem,
        },
      ],
    },
  });
}

async function status(): Promise<string | undefined> {
  return (await bed.engine.runtime()).pools[0]?.servers[0]?.oper_status;
}

const ENCRYPTED = {
  ssl_profile_ref: 'System-Standard',
  pki_profile_ref: 'internal',
  server_name: 'web.internal',
};

describe('an HTTPS monitor', () => {
  it('without attributes of its own speaks TLS as its pool does', async () => {
    const origin = await start(good);
    await monitor(origin, ENCRYPTED);
    assert.equal(await status(), 'OPER_UP');
    assert.equal(origin.secured[0]?.serverName, 'web.internal');
    assert.ok(origin.requests.length >= 1);
  });

  it('finds a server down whose certificate does not verify, and says so', async () => {
    const stranger = await (await createTemporaryCa()).issue({ dnsNames: ['web.internal'] });
    await monitor(await start(stranger), ENCRYPTED);
    assert.equal(await status(), 'OPER_DOWN');
    await eventually(
      () => bed.engine.process.stderr().includes('"failure_code":"SSL_CERT_ERROR"'),
      'the event names the cause',
    );
  });

  it('with attributes goes by them, whatever its pool does: names itself and shows its certificate', async () => {
    const origin = await start(good, { requestCert: true, ca: ca.certificatePem });
    const ssl_attributes = {
      ssl_profile_ref: 'System-Standard-PFS',
      pki_profile_ref: 'internal',
      server_name: 'probe.internal',
      ssl_key_and_certificate_ref: 'engine',
    };
    await monitor(origin, {}, { ssl_attributes });
    assert.equal(await status(), 'OPER_UP');
    const [first] = origin.secured;
    assert.deepEqual([first?.serverName, first?.version], ['probe.internal', 'TLSv1.2']);
    assert.match(first?.client ?? '', /CN=engine/);
  });

  it('finds a server down that answers with another status', async () => {
    const origin = await start(good);
    origin.handler = (_request, response) => response.writeHead(503).end();
    await monitor(origin, ENCRYPTED);
    assert.equal(await status(), 'OPER_DOWN');
  });
});
