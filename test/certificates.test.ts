// Which certificate a client is shown: by the name that it asks for and the keys that it can verify; and what becomes of its ticket.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, checkServerIdentity, connect } from 'node:tls';
import {
  type Certificate,
  createTemporaryCa,
  demoConfiguration,
  type TemporaryCa,
  TicketClient,
} from '@limpet/testkit';
import { createFleet, type Engine, type Fleet } from './support/engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

let ca: TemporaryCa;
let fleet: Fleet;
let origin: OriginServer;
let engine: Engine;
let issued: Readonly<Record<string, Certificate>>;
before(async () => {
  [ca, fleet, origin] = await Promise.all([createTemporaryCa(), createFleet(), startOriginServer()]);
  const issue = (keyType: 'ec' | 'rsa', ...dnsNames: readonly string[]) =>
    ca.issue({ keyType, dnsNames, ipAddresses: [], days: 90 });
  issued = {
    'shop-ec': await issue('ec', 'shop.test'),
    'shop-rsa': await issue('rsa', 'shop.test'),
    wildcard: await issue('ec', '*.shop.test'),
    other: await issue('ec', 'other.test'),
  };
  engine = await fleet.startEngine(configuration(issued));
});
after(async () => {
  await fleet.stop();
  await origin.stop();
});

function configuration(certificates: Readonly<Record<string, Certificate>>): Record<string, unknown[]> {
  const config = demoConfiguration({
    port: 0,
    servers: [{ name: 'origin', port: origin.port }],
    monitored: false,
    certificate: '',
    key: '',
    virtualService: { ssl_key_and_certificate_refs: Object.keys(certificates) },
  });
  config.SSLKeyAndCertificate = Object.entries(certificates).map(([name, pair]) => ({
    name,
    certificate: { certificate: pair.certificatePem },
    key: pair.privateKeyPem,
  }));
  return config;
}

/** The names in the certificate that a verifying client accepts, and the kind of its key. */
async function shown(servername: string, options: ConnectionOptions = {}): Promise<string> {
  const socket = connect({
    ...{ host: '127.0.0.1', port: engine.port, servername, ca: ca.certificatePem },
    // The names are what is asked for here; that they fit is asserted below.
    checkServerIdentity: () => undefined,
    ...options,
  });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerCertificate();
  socket.destroy();
  return `${certificate.subjectaltname} ${certificate.asn1Curve === undefined ? 'rsa' : 'ec'}`;
}

const RSA_ONLY = { sigalgs: 'rsa_pss_rsae_sha256:RSA+SHA256' };

describe('a virtual service with several certificates', () => {
  it('shows the one with the name that the client asks for, a wildcard under it, else the first', async () => {
    assert.equal(await shown('shop.test'), 'DNS:shop.test ec');
    assert.equal(await shown('www.shop.test'), 'DNS:*.shop.test ec');
    assert.equal(await shown('OTHER.test'), 'DNS:other.test ec');
    assert.equal(await shown('deep.www.shop.test'), 'DNS:shop.test ec');
    assert.equal(await shown(''), 'DNS:shop.test ec');
  });

  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    it(`shows its RSA certificate to clients that cannot verify ECDSA, over ${maxVersion}`, async () => {
      assert.equal(await shown('shop.test', { maxVersion, ...RSA_ONLY }), 'DNS:shop.test rsa');
    });
  }

  it('fits the name as clients check it', async () => {
    for (const name of ['shop.test', 'www.shop.test', 'other.test']) {
      await shown(name, { checkServerIdentity });
    }
  });

  it('resumes a session under the name that it began with, and under no other', async () => {
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      const client = new TicketClient({ version, servername: 'shop.test' });
      await client.visit(engine.port);
      assert.equal((await client.visit(engine.port)).reused, true, version);
      const other = new TicketClient({ version, servername: 'other.test' });
      assert.equal((await other.visit(engine.port, '/', client.takeTicket())).reused, false, version);
    }
  });

  it('has the end of the first of them as a metric, and is told of those that end soon', async () => {
    const soon = await ca.issue({ dnsNames: ['soon.test'], ipAddresses: [], days: 3 });
    const other = await fleet.startEngine(configuration({ ...issued, soon }));
    const expiryS = await other.metric('limpet_certificate_expiry_timestamp_seconds');
    assert.equal(expiryS, Date.parse(new X509Certificate(soon.certificatePem).validTo) / 1000);
    const told = other.process
      .stderr()
      .split('\n')
      .filter((line) => line.includes('SSL_CERT_EXPIRE'));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /"certificate":"soon","days_until_expire":2/);
    await other.stop();
  });

  it('takes a renewed certificate at a reload: sessions of its names end, those of others go on', async () => {
    const [renewed, kept] = ['other.test', 'shop.test'].map(
      (servername) => new TicketClient({ version: 'TLSv1.3', servername }),
    ) as [TicketClient, TicketClient];
    await Promise.all([renewed.visit(engine.port), kept.visit(engine.port)]);
    const other = await ca.issue({ dnsNames: ['other.test'], ipAddresses: [] });
    await engine.reload(configuration({ ...issued, other }));
    const before = await engine.metric('limpet_persistence_hits_total');
    assert.equal((await renewed.visit(engine.port)).reused, false);
    assert.equal((await kept.visit(engine.port)).reused, true);
    // The mapping is read all the same: persistence outlives the session.
    assert.equal(await engine.metric('limpet_persistence_hits_total'), before + 2);
  });
});
