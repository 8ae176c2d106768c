// TLS to servers: which certificates are taken, and what a client gets where one is not, or where the handshake comes to nothing.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Certificate, createTemporaryCa, startProcess, type TemporaryCa } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type SecureOrigin, startSecureOrigin } from './support/secure-origin.ts';

const running: { stop(): Promise<void> }[] = [];
let bed: OneEngine;
let ca: TemporaryCa;
let clientCa: TemporaryCa;
let good: Certificate;
let clientCertificate: Certificate;
before(async () => {
  [ca, clientCa] = await Promise.all([createTemporaryCa(), createTemporaryCa()]);
  good = await ca.issue({ dnsNames: ['web.internal'], ipAddresses: [] });
  clientCertificate = await clientCa.issue({ dnsNames: ['engine'] });
  const unused = await startSecureOrigin(good);
  running.push(unused);
  bed = await startOneEngine(unused, { persistence: false });
});

after(async () => {
  await bed.stop();
  for (const each of running) await each.stop();
});

/** Puts a server with TLS that must come from the authority behind the engine, with these fields of the pool. */
async function serve(
  pool: Readonly<Record<string, unknown>>,
  certificate: Certificate = good,
  serverOptions: Parameters<typeof startSecureOrigin>[1] = {},
  crls: readonly string[] = [],
): Promise<SecureOrigin> {
  const origin = await startSecureOrigin(certificate, serverOptions);
  running.push(origin);
  await configure([origin], pool, crls);
  return origin;
}

function configure(
  servers: readonly { readonly port: number }[],
  pool: Readonly<Record<string, unknown>>,
  crls: readonly string[] = [],
  pki: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  return bed.reload({
    servers: servers.map(({ port }, index) => ({ name: `server-${index}`, port })),
    pool: { ssl_profile_ref: 'System-Standard', pki_profile_ref: 'internal', ...pool },
    objects: {
      PKIProfile: [
        {
          name: 'internal',
          ca_certs: [{ certificate: ca.certificatePem }],
          crls: crls.map((body) => ({ body })),
          ...pki,
        },
      ],
      SSLKeyAndCertificate: [
        {
          name: 'engine',
          certificate: { certificate: clientCertificate.certificatePem },
          key: clientCertificate.privateKeyPem,
        },
      ],
    },
  });
}

function inFolder(name: string): string {
  return join(bed.fleet.folder, name);
}

/** `openssl s_server` with the good certificate; returns its port. */
async function startOpensslServer(args: readonly string[]): Promise<number> {
  writeFileSync(inFolder('server.pem'), good.certificatePem + good.privateKeyPem);
  writeFileSync(inFolder('client-ca.pem'), clientCa.certificatePem);
  const { process: server, ready } = await startProcess(
    'openssl',
    ['s_server', '-accept', '127.0.0.1:0', '-cert', inFolder('server.pem'), '-www', ...args],
    (line) => /^ACCEPT .*:(\d+)$/.exec(line)?.[1],
  );
  running.push(server);
  return Number(ready);
}

interface Outcome {
  readonly status: number;
  readonly record: Readonly<Record<string, unknown>>;
  readonly body: string;
}

async function ask(): Promise<Outcome> {
  const client = openClient('h1', bed.port);
  try {
    const { status, headers, body } = await client.request();
    const record = await bed.recordOf(String(headers['x-request-id']));
    return { status, record, body: body.toString() };
  } finally {
    client.close();
  }
}

async function assertRefused(
  origin: SecureOrigin,
  error: string,
  detail: RegExp,
  code: string,
): Promise<void> {
  const { status, record } = await ask();
  assert.equal(status, 502);
  assert.equal(record.error, error, JSON.stringify(record));
  assert.match(String(record.error_detail), detail);
  assert.ok((record.significant_log as string[]).includes(code), JSON.stringify(record));
  assert.equal(origin.requests.length, 0);
}

const REFUSED = ['SERVER_CERTIFICATE_INVALID', 'ADF_SERVER_CERTIFICATE_VERIFICATION_FAILED'] as const;

describe('the certificate of a server', () => {
  it('is taken from the authority of the PKI profile, and the request arrives', async () => {
    const origin = await serve({});
    const { status, record, body } = await ask();
    assert.deepEqual([status, body], [200, 'secure']);
    assert.equal(record.server_ssl_session_reused, false);
    assert.equal(origin.secured[0]?.version, 'TLSv1.3');
    assert.equal(origin.secured[0]?.serverName, 'localhost');
  });

  it('is taken for a name of domain_name, whatever host is asked for', async () => {
    await serve({
      host_check_enabled: true,
      domain_name: ['other.internal', 'WEB.internal'],
    });
    assert.equal((await ask()).status, 200);
  });

  it('is refused for another name', async () => {
    const origin = await serve({ host_check_enabled: true, domain_name: ['other.internal'] });
    await assertRefused(origin, REFUSED[0], /^ERR_TLS_CERT_ALTNAME_INVALID$/, REFUSED[1]);
  });

  it('has to be for the host of the request where there is no domain_name', async () => {
    const origin = await serve({ host_check_enabled: true });
    await assertRefused(origin, REFUSED[0], /^ERR_TLS_CERT_ALTNAME_INVALID$/, REFUSED[1]);
  });

  it('is refused from another authority, tried at most as often as there are attempts, and counted', async () => {
    const stranger = await (await createTemporaryCa()).issue({ dnsNames: ['web.internal'] });
    const origin = await serve({}, stranger);
    await assertRefused(origin, REFUSED[0], /UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|SIGNATURE/, REFUSED[1]);
    const { engine } = bed;
    assert.equal(await engine.metric('limpet_server_handshakes_failed_total', 'certificate'), 1);
    assert.equal(await engine.metric('limpet_server_connect_failures_total'), 1);
    assert.ok(origin.connections <= 3);
  });

  it('is refused when it has expired', async () => {
    const expired = await ca.issue({ dnsNames: ['web.internal'], days: -1 });
    await assertRefused(await serve({}, expired), REFUSED[0], /^CERT_HAS_EXPIRED$/, REFUSED[1]);
  });

  it('is refused when it is revoked, and taken when it is another that is', async () => {
    const other = await ca.issue({ dnsNames: ['other.internal'] });
    const [revoked, unharmed] = await Promise.all([
      ca.revocationList({ revoked: [good.certificatePem] }),
      ca.revocationList({ revoked: [other.certificatePem] }),
    ]);
    await assertRefused(await serve({}, good, {}, [revoked]), REFUSED[0], /^CERT_REVOKED$/, REFUSED[1]);
    await serve({}, good, {}, [unharmed]);
    assert.equal((await ask()).status, 200);
  });

  it('below an intermediate is looked up in its list alone, or with those above it, as validate_only_leaf_crl says', async () => {
    const middle = await ca.issueAuthority('Issuing');
    const leaf = await middle.issue({ dnsNames: ['web.internal'] });
    const chained = { ...leaf, certificatePem: leaf.certificatePem + middle.certificatePem };
    const origin = await startSecureOrigin(chained);
    running.push(origin);
    const lists = {
      ofMiddle: await middle.revocationList(),
      revokingLeaf: await middle.revocationList({ revoked: [leaf.certificatePem] }),
      ofRoot: await ca.revocationList(),
      revokingMiddle: await ca.revocationList({ revoked: [middle.certificatePem] }),
    };
    const rows: readonly (readonly [
      onlyLeaf: boolean,
      crls: readonly string[],
      refusal: string | undefined,
    ])[] = [
      [true, [lists.ofMiddle], undefined],
      [true, [lists.ofMiddle, lists.revokingMiddle], undefined],
      [true, [lists.ofRoot], 'UNABLE_TO_GET_CRL'],
      [true, [lists.revokingLeaf], 'CERT_REVOKED'],
      [false, [lists.ofMiddle], 'UNABLE_TO_GET_CRL'],
      [false, [lists.ofMiddle, lists.ofRoot], undefined],
      [false, [lists.ofMiddle, lists.revokingMiddle], 'CERT_REVOKED'],
    ];
    for (const [onlyLeaf, crls, refusal] of rows) {
      await configure([origin], {}, crls, {
        ca_certs: [{ certificate: ca.certificatePem + middle.certificatePem }],
        validate_only_leaf_crl: onlyLeaf,
      });
      const before = origin.requests.length;
      const { status, record } = await ask();
      const what = `${onlyLeaf} ${refusal} ${JSON.stringify(record)}`;
      assert.equal(status, refusal === undefined ? 200 : 502, what);
      assert.equal(record.error_detail, refusal, what);
      assert.equal(origin.requests.length - before, refusal === undefined ? 1 : 0, what);
    }
  });

  it('is any where there is no PKI profile', async () => {
    const stranger = await (await createTemporaryCa()).issue({ dnsNames: ['web.internal'], days: -1 });
    await serve({ pki_profile_ref: undefined }, stranger);
    assert.equal((await ask()).status, 200);
  });
});

describe('a server that wants a certificate', () => {
  const wants = () => ({ requestCert: true, rejectUnauthorized: true, ca: clientCa.certificatePem });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`gets that of the pool (${maxVersion})`, async () => {
      const origin = await serve({ ssl_key_and_certificate_ref: 'engine' }, good, { ...wants(), maxVersion });
      assert.equal((await ask()).status, 200);
      assert.equal(origin.secured[0]?.version, maxVersion);
      assert.match(origin.secured[0]?.client ?? '', /CN=engine/);
    });
  }

  it('and gets none makes the request fail as a handshake does (TLSv1.2)', async () => {
    const origin = await serve({}, good, { ...wants(), maxVersion: 'TLSv1.2' });
    await assertRefused(
      origin,
      'SERVER_HANDSHAKE_FAILED',
      /ALERT|ECONNRESET/,
      'ADF_SERVER_SIDE_SSL_HANDSHAKE_FAILED',
    );
  });

  it('and says so only when our handshake is over makes it fail as one all the same (TLSv1.3)', async () => {
    const port = await startOpensslServer(['-Verify', '1', '-CAfile', inFolder('client-ca.pem'), '-tls1_3']);
    await configure([{ port }], {});
    const { status, record } = await ask();
    assert.equal(status, 502);
    assert.equal(record.error, 'SERVER_HANDSHAKE_FAILED');
    assert.equal(record.error_detail, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
  });
});

describe('a handshake with a server', () => {
  it('fails where there is no version that both speak', async () => {
    const origin = await serve({ ssl_profile_ref: 'System-Standard-PFS' }, good, { minVersion: 'TLSv1.3' });
    await assertRefused(
      origin,
      'SERVER_HANDSHAKE_FAILED',
      /^ERR_SSL_/,
      'ADF_SERVER_SIDE_SSL_HANDSHAKE_FAILED',
    );
  });

  for (const [what, onConnection, detail] of [
    ['closes during it', (socket: Socket) => socket.once('data', () => socket.end()), /ECONNRESET|closed/],
    ['resets it', (socket: Socket) => socket.once('data', () => socket.resetAndDestroy()), /ECONNRESET/],
    ['answers in another protocol', (socket: Socket) => socket.write('HTTP/1.1 400 Bad\r\n\r\n'), /ERR_SSL/],
    ['never answers', () => {}, /ETIMEDOUT/],
  ] as const) {
    it(`with one that ${what} ends within the connect timeout, with 502`, async () => {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        // A server that does not read would not see that its client is gone.
        socket.resume();
        onConnection(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      running.push({
        stop: async () => {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
      await configure([server.address() as AddressInfo], { pki_profile_ref: undefined, server_timeout: 500 });
      const { status, record } = await ask();
      assert.equal(status, 502);
      assert.equal(record.error, 'SERVER_HANDSHAKE_FAILED');
      assert.match(String(record.error_detail), detail);
      await eventually(() => [...sockets].every(({ destroyed }) => destroyed), 'the connection is closed');
    });
  }
});

describe('a server whose certificate does not verify', () => {
  it('is left for another, also with a body, which was not begun', async () => {
    const stranger = await (await createTemporaryCa()).issue({ dnsNames: ['web.internal'] });
    const [bad, fine] = [await startSecureOrigin(stranger), await startSecureOrigin(good)];
    running.push(bad, fine);
    await configure([bad, fine], {});
    const client = openClient('h1', bed.port);
    let asked = 0;
    // Which server is tried first is up to the algorithm, and to how long each has been there.
    await eventually(async () => {
      const { status } = await client.request({ method: 'POST', body: Buffer.from('body') });
      assert.equal(status, 200);
      asked++;
      return bad.connections > 0;
    }, 'the bad server is tried');
    assert.equal(fine.requests.length, asked);
    assert.equal(bad.requests.length, 0);
    client.close();
  });
});
