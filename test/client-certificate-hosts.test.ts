// Virtual services that share an address have each its own policy for certificates of clients; engines that share a ring share their tickets.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type Certificate,
  createTemporaryCa,
  demoConfiguration,
  type TemporaryCa,
  TicketClient,
} from '@limpet/testkit';
import { authorities, bothTlsVersions, startTellingServer } from './support/client-certificates.ts';
import { createFleet, type Engine, type Fleet } from './support/engine.ts';
import type { OriginServer } from './support/origin-server.ts';

let ca: TemporaryCa;
let ada: Certificate;
let origin: OriginServer;
let fleet: Fleet;
let engines: readonly [Engine, Engine];
before(async () => {
  [ca, fleet, origin] = await Promise.all([createTemporaryCa('Root'), createFleet(), startTellingServer()]);
  ada = await ca.issue({ clientSubject: 'CN=Ada' });
  engines = [await fleet.startEngine(configuration()), await fleet.startEngine(configuration())];
});
after(async () => {
  await fleet.stop();
  await origin.stop();
});

/** A parent that asks for nothing, a child that requires a certificate, and one that takes one. */
function configuration(): Record<string, unknown[]> {
  const config = demoConfiguration({
    port: 0,
    servers: [{ name: 'origin', port: origin.port }],
    monitored: false,
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    objects: { PKIProfile: [{ name: 'clients', crl_check: false, ...authorities(ca) }] },
  }) as Record<string, Record<string, unknown>[]>;
  const [parent] = config.VirtualService as [Record<string, unknown>];
  const profile = (mode: string) => ({
    name: mode,
    type: 'APPLICATION_PROFILE_TYPE_HTTP',
    http_profile: {
      ssl_client_certificate_mode: `SSL_CLIENT_CERTIFICATE_${mode}`,
      pki_profile_ref: 'clients',
    },
  });
  const child = (mode: string) => ({
    name: mode,
    type: 'VS_TYPE_VH_CHILD',
    vh_parent_vs_ref: 'demo',
    vh_domain_name: [`${mode.toLowerCase()}.test`],
    pool_ref: 'demo-pool',
    application_profile_ref: mode,
    ssl_key_and_certificate_refs: ['demo-certificate'],
  });
  return {
    ...config,
    VirtualService: [{ ...parent, type: 'VS_TYPE_VH_PARENT' }, child('REQUIRE'), child('REQUEST')],
    ApplicationProfile: [...(config.ApplicationProfile ?? []), profile('REQUIRE'), profile('REQUEST')],
  };
}

function clientFor(
  servername: string,
  certificate: Certificate | undefined,
  version: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
): TicketClient {
  const tls = certificate && { cert: certificate.certificatePem, key: certificate.privateKeyPem };
  return new TicketClient({ version, servername, ...(tls === undefined ? {} : { tls }) });
}

async function ask(client: TicketClient, host: string, engine = engines[0], session: Buffer | 'own' = 'own') {
  const connection = await client.connect(engine.port, session);
  try {
    const { status, body } = await connection.request('/', { headers: { host, connection: 'close' } });
    const told = status === 200 ? (JSON.parse(body) as Record<string, string>) : {};
    return { status, reused: connection.reused, subject: told['x-ssl-client-subject'] };
  } finally {
    await connection.close();
  }
}

describe('the policy for certificates', () => {
  it('is that of the virtual service whose name a client asks for, not that of its parent', async () => {
    assert.deepEqual(await ask(clientFor('other.test', ada), 'other.test'), {
      status: 200,
      reused: false,
      subject: undefined,
    });
    for (const host of ['require.test', 'request.test'])
      assert.equal((await ask(clientFor(host, ada), host)).subject, 'CN=Ada', host);
    assert.equal((await ask(clientFor('request.test', undefined), 'request.test')).status, 200);
    await assert.rejects(ask(clientFor('require.test', undefined), 'require.test'), /ALERT|alert/);
  });

  it('is not got around by a connection to another of them (R14)', async () => {
    for (const servername of ['other.test', 'request.test'])
      assert.equal((await ask(clientFor(servername, undefined), 'require.test')).status, 421, servername);
  });

  for (const version of bothTlsVersions) {
    it(`is not got around by a ticket of another of them (R7, ${version})`, async () => {
      for (const host of ['other.test', 'request.test']) {
        const client = clientFor(host, undefined, version);
        await ask(client, host);
        const ticket = client.takeTicket();
        assert.ok(ticket);
        await assert.rejects(
          ask(clientFor('require.test', undefined, version), 'require.test', engines[0], ticket),
          /ALERT|alert/,
          host,
        );
        const seen = await ask(clientFor('require.test', ada, version), 'require.test', engines[0], ticket);
        assert.deepEqual(seen, { status: 200, reused: false, subject: 'CN=Ada' });
      }
    });

    it(`holds on the other engine, which knows the client by its ticket alone (R8, ${version})`, async () => {
      const client = clientFor('require.test', ada, version);
      await ask(client, 'require.test', engines[0]);
      for (let visits = 1; visits <= 10; visits++) {
        const seen = await ask(client, 'require.test', engines[visits % 2]);
        assert.deepEqual(seen, { status: 200, reused: true, subject: 'CN=Ada' });
      }
    });
  }
});
