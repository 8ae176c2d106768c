// Tests of the last word: on a resumed connection Node is content with what is no longer, or never was, a good certificate.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { type Certificate, createSelfSigned, createTemporaryCa } from '@limpet/testkit';
import { type Admission, admitClient, admitSession } from './admit-client.ts';
import { ClientCertificatePolicy } from './client-certificate-policy.ts';

const DAY_S = 86_400;
const nowS = Math.floor(Date.now() / 1000);
const [ca, stranger, server] = await Promise.all([
  createTemporaryCa('Root'),
  createTemporaryCa('Stranger'),
  createSelfSigned({}),
]);
const ada = await ca.issue({ clientSubject: 'CN=Ada' });

function policyOf(
  required: boolean,
  revocationLists: readonly string[] = [],
  authority: string = ca.certificatePem,
): ClientCertificatePolicy {
  return new ClientCertificatePolicy({
    required,
    chainDepthMax: 5,
    pki: {
      name: 'clients',
      authorities: [authority],
      revocationLists,
      onlyLeafRevocation: true,
      ignorePeerChain: false,
    },
  });
}

const [required, optional] = [policyOf(true), policyOf(false)];

for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
  describe(`a connection over ${version}`, () => {
    const tls = createServer({
      cert: server.certificatePem,
      key: server.privateKeyPem,
      ca: ca.certificatePem,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
      sessionIdContext: 'test',
    });
    before(() => new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve)));
    after(() => tls.close());

    /** Connects, and asks while the connection is being made, as the pipeline does. */
    function visit(
      client: Certificate | undefined,
      session: Buffer | undefined,
      ask: (socket: TLSSocket) => Admission,
    ): Promise<{ admission: Admission; reused: boolean; session: Buffer | undefined }> {
      const { port } = tls.address() as { port: number };
      return new Promise((resolve, reject) => {
        let admission: Admission | undefined;
        let reused = false;
        let ticket: Buffer | undefined;
        tls.once('secureConnection', (socket) => {
          admission = ask(socket);
          reused = socket.isSessionReused();
          socket.end('.');
        });
        const socket = connect({
          ...{ host: '127.0.0.1', port, rejectUnauthorized: false },
          ...(client === undefined ? {} : { cert: client.certificatePem, key: client.privateKeyPem }),
          ...(session === undefined ? {} : { session }),
        });
        socket.on('session', (made) => {
          ticket = made;
        });
        socket.once('error', reject);
        socket.resume();
        socket.once('close', () => resolve({ admission: admission as Admission, reused, session: ticket }));
      });
    }

    it('of a good certificate is let in, and so is one that resumes it', async () => {
      const first = await visit(ada, undefined, (socket) =>
        admitClient(required, socket, required, undefined, nowS),
      );
      assert.equal(first.admission.kind, 'verified');
      const second = await visit(ada, first.session, (socket) =>
        admitClient(required, socket, required, undefined, nowS),
      );
      assert.equal(second.reused, true);
      assert.ok(second.admission.kind === 'verified');
      assert.equal(second.admission.certificate.subject, 'CN=Ada');
    });

    it('that resumes a session without a certificate is not, where one is required', async () => {
      const first = await visit(undefined, undefined, (socket) =>
        admitClient(optional, socket, optional, undefined, nowS),
      );
      assert.equal(first.admission.kind, 'anonymous');
      // It shows one now, and nobody looks.
      const second = await visit(ada, first.session, (socket) =>
        admitClient(required, socket, required, undefined, nowS),
      );
      assert.equal(second.reused, true);
      assert.equal(second.admission.kind, 'missing');
    });

    it('that resumes a session is not let in after the certificate has expired, or was revoked', async () => {
      const list = await ca.revocationList({ revoked: [ada.certificatePem] });
      for (const [policy, atS, reason] of [
        [required, nowS + 31 * DAY_S, 'CERT_HAS_EXPIRED'],
        [policyOf(false, [list]), nowS, 'CERT_REVOKED'],
      ] as const) {
        const { session } = await visit(ada, undefined, (socket) =>
          admitClient(required, socket, required, undefined, nowS),
        );
        const second = await visit(ada, session, (socket) => {
          assert.equal(socket.authorized, true, 'Node is content');
          return admitClient(policy, socket, policy, undefined, atS);
        });
        assert.equal(second.reused, true);
        assert.deepEqual(second.admission, { kind: 'refused', reason });
      }
    });

    it('of an untrusted certificate is not let in by either policy, resumed or not', async () => {
      const unknown = await stranger.issue({ clientSubject: 'CN=Unknown' });
      for (const policy of [required, optional]) {
        const ask = (socket: TLSSocket) => admitClient(policy, socket, policy, undefined, nowS);
        const first = await visit(unknown, undefined, ask);
        assert.equal(first.admission.kind, 'refused');
        const second = await visit(unknown, first.session, ask);
        assert.equal(second.admission.kind, 'refused');
      }
    });

    it('whose chain has an authority that only the client knows is let in by the policy that it was verified by', async () => {
      const middle = await ca.issueAuthority('Middle');
      const below = await middle.issue({ clientSubject: 'CN=Below' });
      const client = { ...below, certificatePem: below.certificatePem + middle.certificatePem };
      const own = await visit(client, undefined, (socket) =>
        admitClient(required, socket, required, undefined, nowS),
      );
      assert.equal(own.admission.kind, 'verified');
      // A configuration has come in the middle of the handshake, with other authorities.
      const others = policyOf(true, [], stranger.certificatePem);
      const late = await visit(client, undefined, (socket) =>
        admitClient(others, socket, required, undefined, nowS),
      );
      assert.deepEqual(late.admission, { kind: 'refused', reason: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' });
      const again = await visit(client, own.session, (socket) =>
        admitClient(required, socket, required, undefined, nowS),
      );
      assert.equal(again.reused, true);
      assert.equal(again.admission.kind, 'refused', 'nothing of the chain is left');
    });

    it('is judged by its own certificate, whatever was said of a ticket', async () => {
      const eve = await ca.issue({ clientSubject: 'CN=Eve' });
      const of = (certificate: Certificate): Admission =>
        admitSession(
          required,
          { peerCertificate: new X509Certificate(certificate.certificatePem).raw, verified: true },
          nowS,
        );
      assert.equal(of(ada).kind, 'verified');
      const { admission } = await visit(eve, undefined, (socket) =>
        admitClient(required, socket, required, of(ada), nowS),
      );
      assert.ok(admission.kind === 'verified');
      assert.equal(admission.certificate.subject, 'CN=Eve');
    });
  });
}

describe('the session of a ticket', () => {
  const der = new X509Certificate(ada.certificatePem).raw;

  it('may be resumed with a good certificate, and without one where none is required', () => {
    assert.equal(admitSession(required, { peerCertificate: der, verified: true }, nowS).kind, 'verified');
    assert.equal(
      admitSession(optional, { peerCertificate: undefined, verified: true }, nowS).kind,
      'anonymous',
    );
    assert.equal(
      admitSession(required, { peerCertificate: undefined, verified: true }, nowS).kind,
      'missing',
    );
  });

  it('may not with one that was not verified, is not good now, or cannot be read', () => {
    for (const [session, atS] of [
      [{ peerCertificate: der, verified: false }, nowS],
      [{ peerCertificate: der, verified: true }, nowS + 31 * DAY_S],
      [{ peerCertificate: Buffer.from('3000', 'hex'), verified: true }, nowS],
      [undefined, nowS],
    ] as const) {
      for (const policy of [required, optional])
        assert.equal(admitSession(policy, session, atS).kind, 'refused');
    }
  });
});
