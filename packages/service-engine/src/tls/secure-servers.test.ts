// Tests of the TLS contexts of a virtual service, by real handshakes: what they show, and whose tickets they take.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, connect, type SecureVersion } from 'node:tls';
import {
  type CertificateSnapshot,
  type ClientCertificatesSnapshot,
  createRingKeys,
  type TlsSnapshot,
} from '@limpet/model';
import { type Certificate, createSelfSigned, createTemporaryCa } from '@limpet/testkit';
import { readClientHello } from '../client-hello/read-client-hello.ts';
import { systemClock } from '../lifecycle/clock.ts';
import { Deadlines } from '../lifecycle/deadlines.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { createKeyRing } from '../session-ticket/key-ring.ts';
import { openTickets } from '../session-ticket/open-ticket.ts';
import { rawSocketOf, type TicketPlan } from '../session-ticket/ticket-binding.ts';
import { CONTEXTS_MAX, SecureServers } from './secure-servers.ts';
import { matchCertificateName } from './tls-policy.ts';

const SERVER_ID = 0xabcdef012345;
const LIFETIME_S = 600;
const unixS = () => Math.floor(Date.now() / 1000);
const nowS = unixS();
// One ring for all: what is shown here is what holds beside the keys.
const ring = createKeyRing(createRingKeys(systemRandom, nowS), 'virtualservice-1');
const [ca, otherCa] = await Promise.all([createTemporaryCa('One'), createTemporaryCa('Other')]);
const [ec, rsa, wildcard, renewed, ada] = (await Promise.all([
  ca.issue({ dnsNames: ['a.test', 'b.test'] }),
  ca.issue({ dnsNames: ['a.test'], keyType: 'rsa' }),
  ca.issue({ dnsNames: ['*.a.test'] }),
  createSelfSigned({ dnsNames: ['a.test', 'b.test'] }),
  ca.issue({ clientSubject: 'CN=Ada' }),
])) as [Certificate, Certificate, Certificate, Certificate, Certificate];

const secrets = new Map<string, string>();

function snapshotOf({ certificatePem, privateKeyPem }: Certificate): CertificateSnapshot {
  const x509 = new X509Certificate(certificatePem);
  const fingerprint = x509.fingerprint256;
  secrets.set(fingerprint, privateKeyPem);
  return {
    name: 'certificate',
    chainPem: certificatePem,
    fingerprint,
    keyType: x509.publicKey.asymmetricKeyType === 'rsa' ? 'rsa' : 'ec',
    keyHash: fingerprint,
    dnsNames: (x509.subjectAltName ?? '').split(', ').map((name) => name.replace('DNS:', '')),
    notAfterS: nowS + 1000,
  };
}

const clientCertificates: ClientCertificatesSnapshot = {
  required: true,
  chainDepthMax: 5,
  pki: {
    name: 'clients',
    authorities: [ca.certificatePem],
    revocationLists: [],
    onlyLeafRevocation: true,
    ignorePeerChain: false,
  },
};

const BASE: TlsSnapshot = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256',
  honorCipherOrder: true,
  sessionTimeoutS: LIFETIME_S,
  sessionReuse: true,
  http2: true,
  certificates: [ec, wildcard, rsa].map(snapshotOf),
};

interface Bed {
  readonly secureServers: SecureServers;
  readonly uuid: string;
  readonly tls: TlsSnapshot;
}

function bedOf(
  changes: Partial<TlsSnapshot> = {},
  uuid = 'virtualservice-1',
  privateKeys: ReadonlyMap<string, string> = secrets,
): Bed {
  const tls = { ...BASE, ...changes };
  const secureServers = new SecureServers({
    virtualServiceUuid: uuid,
    tls,
    secrets: privateKeys,
    ring: () => ring,
    clock: systemClock,
    random: systemRandom,
    listener: {
      onSecure: (socket) => {
        const raw = rawSocketOf(socket);
        if (raw !== undefined) serving?.bed.secureServers.get(SERVER_ID, serving.name).tickets.forget(raw);
        socket.end('.');
      },
      onHandshakeError: (_error, socket) => socket.destroy(),
      onSeal: () => {},
    },
  });
  return { secureServers, uuid, tls };
}

let serving: { readonly bed: Bed; name: string } | undefined;
const deadlines = new Deadlines(systemClock);
const sockets = new Set<Socket>();
/** Reads the hello, opens the ticket and hands over, as the pipeline does; whether to resume is left to OpenSSL. */
const listener = createServer((socket) => {
  sockets.add(socket);
  socket.on('error', () => {});
  readClientHello(socket, { deadlines, timeoutMs: 5000 }, (result) => {
    if (serving === undefined || result.kind === 'refused') return void socket.destroy();
    const { hello } = result;
    const { bed } = serving;
    const tls13 = hello.offersTls13 && bed.tls.maxVersion === 'TLSv1.3';
    const tickets = tls13 ? hello.pskIdentities : [hello.sessionTicket ?? Buffer.alloc(0)];
    const opened = openTickets(tickets, tls13, ring, unixS(), LIFETIME_S);
    const plan: TicketPlan = {
      affinityKey: 1,
      expectsTls13Tickets: tls13 && hello.offersPskDheKe,
      ...(opened.kind === 'opened'
        ? { resume: { keyName: opened.keyName, code: tls13 ? 2 : 1, key: opened.key } }
        : {}),
    };
    serving.name = matchCertificateName(bed.tls.certificates, hello.serverName);
    const secureServer = bed.secureServers.get(SERVER_ID, serving.name);
    secureServer.tickets.expect(socket, plan);
    secureServer.tlsServer.emit('connection', socket);
  });
});
before(() => new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve)));
after(() => {
  listener.close();
  deadlines.stop();
  for (const socket of sockets) socket.destroy();
});

interface Visit {
  readonly reused: boolean;
  readonly session: Buffer | undefined;
  readonly certificate: X509Certificate | undefined;
  readonly alpn: string | false | null;
}

function visit(bed: Bed, options: ConnectionOptions): Promise<Visit> {
  serving = { bed, name: '' };
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: (listener.address() as AddressInfo).port,
      servername: 'a.test',
      rejectUnauthorized: false,
      ...options,
    });
    let session: Buffer | undefined;
    let met: Omit<Visit, 'session'> | undefined;
    socket.on('session', (made) => {
      session = made;
    });
    socket.on('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      met = { reused: socket.isSessionReused(), certificate, alpn: socket.alpnProtocol };
    });
    socket.on('error', reject);
    socket.on('close', () => {
      if (met === undefined) reject(new Error('closed in the handshake'));
      else resolve({ ...met, session });
    });
    socket.resume();
  });
}

const certificateOf = ({ certificate }: Visit): string | undefined => certificate?.fingerprint256;
const fingerprintOf = ({ certificatePem }: Certificate): string =>
  new X509Certificate(certificatePem).fingerprint256;

describe('secure servers that nobody has used', () => {
  it('are proven by making one for each certificate, where OpenSSL has not taken the same settings before', () => {
    const [first, second] = [bedOf(), bedOf({}, 'virtualservice-2')].map(
      ({ secureServers }) => secureServers,
    );
    assert.equal(first?.size, 0);
    first?.prove();
    assert.ok((first?.size ?? 0) >= 2);
    assert.equal(second?.settingsHash, first?.settingsHash);
    assert.notEqual(
      bedOf({ ciphers: 'TLS_AES_256_GCM_SHA384' }).secureServers.settingsHash,
      first?.settingsHash,
    );
  });

  it('are refused when they are proven, not when a client comes', () => {
    assert.throws(() => bedOf({ ciphers: 'NO-SUCH-CIPHER' }).secureServers.prove());
    assert.throws(() => bedOf({}, 'virtualservice-1', new Map()).secureServers.prove());
  });
});

describe('the contexts of a virtual service', () => {
  it('show the certificate of the name that is asked for, and RSA to clients that cannot do ECDSA', async () => {
    const bed = bedOf();
    for (const [servername, expected] of [
      ['a.test', ec],
      ['b.test', ec],
      ['shop.a.test', wildcard],
      ['unknown.test', ec],
    ] as const)
      assert.equal(certificateOf(await visit(bed, { servername })), fingerprintOf(expected), servername);
    const old = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' } as const;
    assert.equal(certificateOf(await visit(bed, old)), fingerprintOf(rsa));
  });

  it('offer HTTP/2 where it is configured, and only there', async () => {
    const ALPNProtocols = ['h2', 'http/1.1'];
    assert.equal((await visit(bedOf(), { ALPNProtocols })).alpn, 'h2');
    assert.equal((await visit(bedOf({ http2: false }), { ALPNProtocols })).alpn, 'http/1.1');
  });

  it('are made once for a server and a certificate name, and not more of them than may be: the one longest unused goes', () => {
    const { secureServers } = bedOf();
    const first = secureServers.get(1, 'a.test');
    assert.equal(secureServers.get(1, 'a.test'), first);
    assert.notEqual(secureServers.get(1, '*.a.test'), first);
    assert.notEqual(secureServers.get(2, 'a.test'), first);
    const kept = secureServers.get(2, 'a.test');
    for (let id = 3; secureServers.size < CONTEXTS_MAX; id++) secureServers.get(id, '');
    assert.equal(secureServers.get(1, 'a.test'), first, 'used again');
    for (let id = 10_000; id < 10_003; id++) secureServers.get(id, '');
    assert.equal(secureServers.size, CONTEXTS_MAX);
    assert.equal(secureServers.get(1, 'a.test'), first);
    assert.notEqual(secureServers.get(2, 'a.test'), kept);
  });

  it('keep the private keys of their own certificates, and none of the others that they are given', () => {
    const given = new Map(secrets);
    const { secureServers } = bedOf({}, undefined, given);
    // Whoever would look them up there later keeps all of them.
    given.clear();
    for (const name of ['a.test', 'b.test', '*.a.test']) secureServers.get(SERVER_ID, name);
  });

  it('let nobody in without a certificate where one is required, and nobody with that of another authority', async () => {
    const bed = bedOf({ clientCertificates });
    const stranger = await otherCa.issue({ clientSubject: 'CN=Ada' });
    // In TLS 1.3 the client is done before it is refused, so it sees no more than a close without an answer.
    const old = { maxVersion: 'TLSv1.2' } as const;
    await assert.rejects(visit(bed, old));
    await assert.rejects(visit(bed, { ...old, cert: stranger.certificatePem, key: stranger.privateKeyPem }));
    await visit(bed, { ...old, cert: ada.certificatePem, key: ada.privateKeyPem });
  });
});

for (const version of ['TLSv1.3', 'TLSv1.2'] as const satisfies readonly SecureVersion[]) {
  describe(`a ticket under the same keys, for the same server (${version})`, () => {
    const asked = {
      minVersion: version,
      maxVersion: version,
      cert: ada.certificatePem,
      key: ada.privateKeyPem,
    } as const;
    const resumes = async (from: Bed, to: Bed, servername = 'a.test'): Promise<boolean> => {
      const { session } = await visit(from, asked);
      assert.ok(session !== undefined, 'a ticket');
      return (await visit(to, { ...asked, servername, session })).reused;
    };

    it('resumes where nothing was changed that it is bound to, though all was made anew', async () => {
      assert.equal(await resumes(bedOf(), bedOf()), true);
      assert.equal(await resumes(bedOf({ clientCertificates }), bedOf({ clientCertificates })), true);
      assert.equal(await resumes(bedOf(), bedOf(), 'unknown.test'), false, 'the name of no certificate');
    });

    const { pki } = clientCertificates;
    const rows: readonly (readonly [what: string, from: () => Bed, to: () => Bed, servername?: string])[] = [
      ['virtual service', () => bedOf(), () => bedOf({}, 'virtualservice-2')],
      ['server name', () => bedOf(), () => bedOf(), 'b.test'],
      ['certificate', () => bedOf(), () => bedOf({ certificates: [renewed, wildcard, rsa].map(snapshotOf) })],
      [
        'cipher policy',
        () => bedOf(),
        () => bedOf({ ciphers: `${BASE.ciphers}:ECDHE-RSA-AES256-GCM-SHA384` }),
      ],
      ['demand for a certificate', () => bedOf(), () => bedOf({ clientCertificates })],
      [
        'mode',
        () => bedOf({ clientCertificates: { ...clientCertificates, required: false } }),
        () => bedOf({ clientCertificates }),
      ],
      [
        'depth',
        () => bedOf({ clientCertificates }),
        () => bedOf({ clientCertificates: { ...clientCertificates, chainDepthMax: 4 } }),
      ],
      [
        'set of authorities',
        () => bedOf({ clientCertificates }),
        () =>
          bedOf({
            clientCertificates: {
              ...clientCertificates,
              pki: { ...pki, authorities: [ca.certificatePem, otherCa.certificatePem] },
            },
          }),
      ],
    ];
    for (const [what, from, to, servername] of rows)
      it(`does not resume under another ${what} (R7)`, async () => {
        assert.equal(await resumes(from(), to(), servername), false);
      });
  });
}
