// Tests of looking into tickets: what OpenSSL has sealed is read, and nothing else is.

import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { connect, createServer, type SecureVersion } from 'node:tls';
import { createRingKeys } from '@limpet/model';
import { type Certificate, createSelfSigned, createTemporaryCa, ticketOf } from '@limpet/testkit';
import fc from 'fast-check';
import { createKeyRing } from './key-ring.ts';
import { cryptoRandom, makeTicket } from './test-ring.ts';
import { TicketBinding } from './ticket-binding.ts';
import { readTicketSession } from './ticket-session.ts';

const nowS = Math.floor(Date.now() / 1000);
const ring = createKeyRing(createRingKeys(cryptoRandom, nowS), 'a');
const mapping = { tls13: true, serverId: 1, issuedAtS: nowS, chainAgeS: 0, affinityKey: 1 };
const ca = await createTemporaryCa('Root');
const stranger = await createTemporaryCa('Stranger');
const server = await createSelfSigned({});

/** A ticket that a server of Node has issued to a client with this certificate. */
async function ticketFor(client: Certificate | undefined, version: SecureVersion): Promise<Buffer> {
  const tls = createServer({
    cert: server.certificatePem,
    key: server.privateKeyPem,
    ca: ca.certificatePem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  });
  new TicketBinding(tls, {
    serverId: 1,
    ring: () => ring,
    sessionReuse: true,
    clock: { unixMs: () => Date.now(), monotonicMs: () => performance.now() },
    random: cryptoRandom,
    onSeal: () => {},
  });
  await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
  const { port } = tls.address() as { port: number };
  tls.on('secureConnection', (socket) => socket.end('.'));
  try {
    return await new Promise((resolve, reject) => {
      const shown = client === undefined ? {} : { cert: client.certificatePem, key: client.privateKeyPem };
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...shown });
      socket.once('session', (session) => resolve(ticketOf(session)));
      socket.once('error', reject);
      socket.resume();
    });
  } finally {
    tls.close();
  }
}

describe('the session in a ticket', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`has the certificate that the client has shown, and whether it was verified (${version})`, async () => {
      for (const [authority, verified] of [
        [ca, true],
        [stranger, false],
      ] as const) {
        const client = await authority.issue({ clientSubject: 'CN=Client' });
        const session = readTicketSession(await ticketFor(client, version), ring.current);
        assert.ok(session);
        assert.ok(session.peerCertificate?.equals(new X509Certificate(client.certificatePem).raw));
        assert.equal(session.verified, verified);
      }
    });

    it(`has none where the client has shown none (${version})`, async () => {
      const session = readTicketSession(await ticketFor(undefined, version), ring.current);
      assert.ok(session);
      assert.equal(session.peerCertificate, undefined);
    });
  }

  it('is not read where it is no session, and nothing throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        readTicketSession(makeTicket(ring.current, mapping, Buffer.from(bytes)), ring.current);
      }),
    );
    assert.equal(
      readTicketSession(makeTicket(ring.current, mapping, randomBytes(200)), ring.current),
      undefined,
    );
  });

  it('cut off or altered anywhere is read as something or nothing, and never throws', async () => {
    const client = await ca.issue({ clientSubject: 'CN=Client' });
    const ticket = await ticketFor(client, 'TLSv1.3');
    const session = ring.current.openSession(ticket) as Buffer;
    for (let length = 0; length < session.length; length++)
      assert.equal(
        readTicketSession(makeTicket(ring.current, mapping, session.subarray(0, length)), ring.current),
        undefined,
        `${length} bytes`,
      );
    for (let index = 0; index < session.length; index++) {
      const altered = Buffer.from(session);
      altered[index] = (altered[index] as number) ^ 0xff;
      readTicketSession(makeTicket(ring.current, mapping, altered), ring.current);
    }
  });

  it('under another key is not read', () => {
    const other = createKeyRing(createRingKeys(cryptoRandom, nowS), 'b');
    const ticket = makeTicket(other.current, mapping, Buffer.alloc(100));
    assert.equal(readTicketSession(ticket, ring.current), undefined);
  });
});
