// Virtual services that share an address: each gets the connections that ask for its names, and answers for no other.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createTemporaryCa, demoConfiguration, type TemporaryCa, TicketClient } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const MEMBERS = ['parent', 'shop', 'any'] as const;
type Member = (typeof MEMBERS)[number];

let ca: TemporaryCa;
let fleet: Fleet;
let engines: readonly [Engine, Engine];
let origins: Readonly<Record<Member, OriginServer>>;
before(async () => {
  const named = (name: Member) => startOriginServer((_request, response) => response.end(name));
  const [parent, shop, any] = await Promise.all(MEMBERS.map(named));
  origins = { parent, shop, any } as Record<Member, OriginServer>;
  [ca, fleet] = await Promise.all([createTemporaryCa(), createFleet()]);
  const config = await configuration();
  engines = [await fleet.startEngine(config), await fleet.startEngine(config)];
});
after(async () => {
  await fleet.stop();
  await Promise.all(MEMBERS.map((name) => origins[name].stop()));
});

async function configuration(): Promise<Record<string, unknown[]>> {
  const config = demoConfiguration({
    port: 0,
    servers: [{ name: 'parent', port: origins.parent.port }],
    monitored: false,
    certificate: '',
    key: '',
  }) as Record<string, Record<string, unknown>[]>;
  const issued = await Promise.all(
    [['parent.test'], ['shop.test', 'www.shop.test'], ['*.any.test']].map((dnsNames) =>
      ca.issue({ dnsNames, ipAddresses: [] }),
    ),
  );
  config.SSLKeyAndCertificate = issued.map((pair, index) => ({
    name: `${MEMBERS[index]}-certificate`,
    certificate: { certificate: pair.certificatePem },
    key: pair.privateKeyPem,
  }));
  const [parent] = config.VirtualService as [Record<string, unknown>];
  const [pool] = config.Pool as [Record<string, unknown>];
  const child = (name: Member, ...vh_domain_name: readonly string[]) => ({
    name,
    type: 'VS_TYPE_VH_CHILD',
    vh_parent_vs_ref: 'demo',
    vh_domain_name,
    pool_ref: `${name}-pool`,
    application_profile_ref: 'demo-http',
    ssl_key_and_certificate_refs: [`${name}-certificate`],
  });
  return {
    ...config,
    VirtualService: [
      { ...parent, type: 'VS_TYPE_VH_PARENT', ssl_key_and_certificate_refs: ['parent-certificate'] },
      child('shop', 'shop.test', 'www.shop.test'),
      child('any', '*.any.test'),
    ],
    Pool: [
      pool,
      ...(['shop', 'any'] as const).map((name) => ({
        ...pool,
        name: `${name}-pool`,
        servers: [{ ip: { addr: '127.0.0.1', type: 'V4' }, port: origins[name].port }],
      })),
    ],
  };
}

/** Asks for a host over a connection whose certificate is verified for the name. */
async function ask(servername: string, host = servername, engine = engines[0]) {
  const client = new TicketClient({
    servername,
    tls: { ca: ca.certificatePem, rejectUnauthorized: servername !== '' },
  });
  const connection = await client.connect(engine.port);
  const answer = await connection.request('/', { headers: { host, connection: 'close' } });
  await connection.close();
  return answer;
}

describe('virtual services of one address', () => {
  it('are told apart by SNI, each with its own certificate and pool; the parent has the rest', async () => {
    for (const [servername, member] of [
      ['shop.test', 'shop'],
      ['www.shop.test', 'shop'],
      ['a.any.test', 'any'],
      ['parent.test', 'parent'],
    ] as const) {
      const { status, body } = await ask(servername);
      assert.equal(`${status} ${body}`, `200 ${member}`, servername);
    }
    assert.equal((await ask('', 'unknown.test')).body, 'parent');
  });

  it('answer 421 to a host of another, over HTTP/1.1 and HTTP/2, and go on (R14)', async () => {
    assert.equal((await ask('shop.test', 'a.any.test')).status, 421);
    assert.equal((await ask('shop.test', 'parent.test')).status, 421);
    assert.equal((await ask('parent.test', 'SHOP.test:443')).status, 421);
    assert.equal((await ask('shop.test', 'WWW.Shop.test.:8443')).status, 200);
    for (const version of ['h1', 'h2'] as const) {
      // These clients ask for localhost by SNI, which is the parent's.
      const client = openClient(version, engines[0].port);
      const asked = (host: string) =>
        client.request({ headers: version === 'h2' ? { ':authority': host } : { host } });
      assert.equal((await asked('parent.test')).status, 200, version);
      const refused = await asked('shop.test');
      assert.equal(refused.status, 421, version);
      assert.match(String(refused.body), /another virtual service/);
      assert.equal((await asked('parent.test')).status, 200, version);
      client.close();
    }
    assert.ok(!origins.parent.requests.some((request) => request.includes('shop')));
  });

  it('serve every host where the check is off (disable_sni_hostname_check)', async () => {
    const config = (await configuration()) as Record<string, Record<string, unknown>[]>;
    const [profile] = config.ApplicationProfile as [Record<string, unknown>];
    const off = { ...profile, http_profile: { disable_sni_hostname_check: true } };
    const engine = await fleet.startEngine({ ...config, ApplicationProfile: [off] });
    for (const version of ['h1', 'h2'] as const) {
      const client = openClient(version, engine.port);
      const { status, body } = await client.request({
        headers: version === 'h2' ? { ':authority': 'shop.test' } : { host: 'shop.test' },
      });
      // The connection stays where its SNI has led it.
      assert.equal(`${status} ${body}`, '200 parent', version);
      client.close();
    }
    await engine.stop();
  });

  it('take back their own tickets on the other engine, and nobody else’s', async () => {
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      const client = new TicketClient({ version, servername: 'shop.test' });
      await client.visit(engines[0].port);
      assert.equal((await client.visit(engines[1].port)).reused, true, version);
      for (const servername of ['a.any.test', 'parent.test']) {
        const hits = await engines[0].metric('limpet_persistence_hits_total');
        const other = new TicketClient({ version, servername });
        assert.equal(
          (await other.visit(engines[0].port, '/', client.tickets.at(-1))).reused,
          false,
          servername,
        );
        assert.equal(await engines[0].metric('limpet_persistence_hits_total'), hits, 'it steers nobody');
      }
    }
  });

  it('are counted each for itself, and none is left open', async () => {
    const labels = ['virtual_service="shop"'];
    const before = await engines[0].metric('limpet_connections_total', ...labels);
    await ask('shop.test');
    assert.equal(await engines[0].metric('limpet_connections_total', ...labels), before + 1);
    assert.equal(await engines[0].metric('limpet_connections_open'), 0);
    for (const kind of ['request', 'connection']) {
      const written = () =>
        engines[0].records().some((entry) => entry.record === kind && entry.virtualservice === 'shop');
      await eventually(written, `a record of a ${kind} names the child`);
    }
  });
});
