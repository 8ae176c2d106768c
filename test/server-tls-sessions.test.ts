// TLS sessions and names towards servers: what is resumed, what is used once, and that no connection or session serves two names.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Certificate, createTemporaryCa, type TemporaryCa } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { openClient, type Reply } from './support/http-clients.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type SecureOrigin, startSecureOrigin } from './support/secure-origin.ts';

const origins: SecureOrigin[] = [];
let ca: TemporaryCa;
let certificate: Certificate;
let bed: OneEngine;
before(async () => {
  ca = await createTemporaryCa();
  certificate = await ca.issue({ dnsNames: ['a.test', 'b.test', 'localhost'] });
  bed = await startOneEngine(await start(), { persistence: false });
});
after(async () => {
  await bed.stop();
  for (const origin of origins) await origin.stop();
});

async function start(options: Parameters<typeof startSecureOrigin>[1] = {}): Promise<SecureOrigin> {
  const origin = await startSecureOrigin(certificate, options);
  origins.push(origin);
  return origin;
}

async function serve(
  pool: Readonly<Record<string, unknown>>,
  options: Parameters<typeof startSecureOrigin>[1] = {},
  sslProfile: Readonly<Record<string, unknown>> = {},
): Promise<SecureOrigin> {
  const origin = await start(options);
  await bed.reload({
    servers: [{ name: 'origin', port: origin.port }],
    pool: { ssl_profile_ref: 'to-servers', pki_profile_ref: 'internal', ...pool },
    objects: {
      PKIProfile: [{ name: 'internal', ca_certs: [{ certificate: ca.certificatePem }] }],
      SSLProfile: [{ name: 'to-servers', accepted_ciphers: 'ECDHE+AESGCM', ...sslProfile }],
    },
  });
  return origin;
}

async function ask(host: string, path = '/'): Promise<Reply> {
  const client = openClient('h1', bed.port);
  try {
    return await client.request({ path, headers: { host } });
  } finally {
    client.close();
  }
}

/** One connection for each request. */
async function serveOnce(...[pool, options, sslProfile]: Parameters<typeof serve>): Promise<SecureOrigin> {
  const origin = await serve(pool, options, sslProfile);
  origin.handler = (_request, response) => response.writeHead(200, { connection: 'close' }).end('once');
  return origin;
}

describe('the names of a connection to a server', () => {
  it('are those of the request: one host never gets the connection or the session of another', async () => {
    const origin = await serve({ host_check_enabled: true });
    const hosts = ['a.test', 'b.test', 'A.TEST:8443', 'b.test', 'a.test', 'b.test.'];
    for (const host of hosts) assert.equal((await ask(host)).status, 200, host);
    assert.deepEqual(
      origin.secured.map(({ serverName, resumed }) => [serverName, resumed]),
      [
        ['a.test', false],
        ['b.test', false],
      ],
    );
    for (const { host, connection } of origin.requests) {
      const asked = host.toLowerCase().replace(/:.*|\.$/g, '');
      assert.equal(origin.secured[connection]?.serverName, asked);
    }
    assert.equal(origin.requests.length, hosts.length);
    // On the connection of another name it would have been let through.
    assert.equal((await ask('c.test')).status, 502);
  });

  it('are server_name for all hosts where the pool gives one, which may share then', async () => {
    const origin = await serve({ server_name: 'Inner.test' });
    for (const host of ['a.test', 'b.test', '127.0.0.1']) assert.equal((await ask(host)).status, 200);
    assert.deepEqual(
      origin.secured.map(({ serverName }) => serverName),
      ['inner.test'],
    );
    assert.deepEqual(
      origin.requests.map(({ host }) => host),
      ['a.test', 'b.test', '127.0.0.1'],
    );
  });

  it('are none where sni_enabled is off, and none for an address', async () => {
    const without = await serve({ sni_enabled: false });
    assert.equal((await ask('a.test')).status, 200);
    assert.deepEqual(without.secured[0]?.serverName, undefined);
    const byAddress = await serve({});
    assert.equal((await ask(`127.0.0.1:${bed.port}`)).status, 200);
    assert.deepEqual(byAddress.secured[0]?.serverName, undefined);
  });

  it('stay the client’s where the Host is rewritten to the name of the pool or of the server', async () => {
    const toSni = await serve({ server_name: 'inner.test', rewrite_host_header_to_sni: true });
    assert.equal((await ask('a.test')).status, 200);
    assert.equal(toSni.requests[0]?.host, `inner.test:${toSni.port}`);
    const toServer = await start();
    await bed.reload({
      pool: {
        ssl_profile_ref: 'System-Standard',
        rewrite_host_header_to_server_name: true,
        append_port: 'NEVER',
        servers: [{ ip: { addr: '127.0.0.1', type: 'V4' }, port: toServer.port, hostname: 'web-1.internal' }],
      },
    });
    assert.equal((await ask('a.test')).status, 200);
    assert.equal(toServer.requests[0]?.host, 'web-1.internal');
    assert.equal(toServer.secured[0]?.serverName, 'a.test');
  });
});

describe('the TLS session of a server', () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`is resumed by the next connection, and the record says so (${maxVersion})`, async () => {
      const origin = await serveOnce({}, { maxVersion });
      for (let index = 0; index < 3; index++) {
        const { status, headers } = await ask('a.test');
        assert.equal(status, 200);
        const record = await bed.recordOf(String(headers['x-request-id']));
        assert.equal(record.server_ssl_session_reused, index > 0, `request ${index}`);
        assert.equal(record.server_connection_reused, false);
      }
      assert.deepEqual(
        origin.secured.map(({ resumed, version }) => [resumed, version]),
        [false, true, true].map((resumed) => [resumed, maxVersion]),
      );
      assert.equal(await bed.engine.metric('limpet_server_handshakes_reused_total'), 2);
      assert.equal(await bed.engine.metric('limpet_server_handshakes_new_total'), 1);
    });
  }

  it('is used once in TLS 1.3: when the tickets are gone there is a full handshake', async () => {
    // Node's server sends two tickets in a full handshake and none in a resumed one.
    const origin = await serveOnce({}, { minVersion: 'TLSv1.3' });
    for (let index = 0; index < 4; index++) assert.equal((await ask('a.test')).status, 200);
    assert.deepEqual(
      origin.secured.map(({ resumed }) => resumed),
      [false, true, true, false],
    );
  });

  it('is not kept where enable_ssl_session_reuse is off', async () => {
    const origin = await serveOnce({}, {}, { enable_ssl_session_reuse: false });
    for (let index = 0; index < 3; index++) assert.equal((await ask('a.test')).status, 200);
    assert.deepEqual(
      origin.secured.map(({ resumed }) => resumed),
      [false, false, false],
    );
  });

  it('is not resumed after the PKI profile has changed: a server that is revoked now is out at once', async () => {
    const origin = await serve({});
    assert.equal((await ask('a.test')).status, 200);
    await bed.reload({
      servers: [{ name: 'origin', port: origin.port }],
      pool: { ssl_profile_ref: 'System-Standard', pki_profile_ref: 'internal' },
      objects: {
        PKIProfile: [
          {
            name: 'internal',
            ca_certs: [{ certificate: ca.certificatePem }],
            crls: [{ body: await ca.revocationList({ revoked: [certificate.certificatePem] }) }],
          },
        ],
      },
    });
    // Neither by the idle connection, which was opened under the former profile.
    assert.equal((await ask('a.test')).status, 502);
    assert.equal(origin.requests.length, 1);
  });
});

describe('connections that are kept for many names', () => {
  it('are as many as the pool may keep, the oldest go first', async () => {
    const origin = await serve({
      sni_enabled: true,
      pki_profile_ref: undefined,
      conn_pool_properties: { upstream_connpool_server_max_cache: 2 },
    });
    for (const host of ['h1.test', 'h2.test', 'h3.test', 'h3.test', 'h1.test'])
      assert.equal((await ask(host)).status, 200);
    await eventually(() => origin.requests.length === 5, 'all have arrived');
    assert.deepEqual(
      origin.requests.map(({ connection }) => connection),
      [0, 1, 2, 2, 3],
    );
  });
});
