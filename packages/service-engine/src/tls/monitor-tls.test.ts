import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig, type Snapshot, type TlsClientSnapshot } from '@limpet/model';
import { createSelfSigned, demoConfiguration } from '@limpet/testkit';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { MonitorTls } from './monitor-tls.ts';

const certificate = await createSelfSigned({ dnsNames: ['limpet.test'] });

function configuration(ciphersuites: string) {
  const made = demoConfiguration({
    port: 443,
    servers: [{ name: 'one', port: 9001 }],
    certificate: certificate.certificatePem,
    key: certificate.privateKeyPem,
    pool: { health_monitor_refs: ['first', 'second'] },
  });
  const monitor = (name: string) => ({
    name,
    type: 'HEALTH_MONITOR_HTTPS',
    https_monitor: { http_response_code: ['HTTP_2XX'], ssl_attributes: { ssl_profile_ref: name } },
  });
  return {
    ...made,
    SSLProfile: [
      ...(made.SSLProfile ?? []),
      ...[
        { name: 'first', ciphersuites: 'TLS_AES_128_GCM_SHA256' },
        { name: 'second', ciphersuites },
      ].map((profile) => ({ ...profile, accepted_versions: [{ type: 'SSL_VERSION_TLS1_3' }] })),
    ],
    HealthMonitor: [monitor('first'), monitor('second')],
  };
}

function clientsOf({ pools }: Snapshot): readonly TlsClientSnapshot[] {
  return pools.flatMap(({ healthMonitors }) =>
    healthMonitors.flatMap((monitor) => (monitor.kind === 'http' ? (monitor.tls?.client ?? []) : [])),
  );
}

describe('the TLS of monitors', () => {
  it('is made once as long as no configuration has another', () => {
    const monitorTls = new MonitorTls(createFakeClock());
    const { snapshot, secrets } = loadConfig(configuration('TLS_AES_128_GCM_SHA256'), { nowS: 0 }).compiled;
    monitorTls.prepare(snapshot, secrets);
    const made = clientsOf(snapshot).map((client) => monitorTls.of(client));
    assert.equal(made.length, 2);
    monitorTls.prepare(snapshot, secrets);
    const again = clientsOf(snapshot).map((client) => monitorTls.of(client));
    for (const [index, client] of again.entries()) assert.ok(client === made[index], `monitor ${index}`);

    const next = loadConfig(configuration('TLS_AES_256_GCM_SHA384'), { nowS: 0 }).compiled;
    monitorTls.prepare(next.snapshot, next.secrets);
    for (const client of clientsOf(next.snapshot)) assert.ok(!made.includes(monitorTls.of(client)));
  });
});
