// Whether a client is let in by its certificate: asked before a session is resumed, and again when any handshake is done.

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { TicketSession } from '../session-ticket/ticket-session.ts';
import { fingerprintOf } from './chain-certificate.ts';
import { ClientCertificate } from './client-certificate.ts';
import {
  type CertificateRefusal,
  type CertificateVerdict,
  type ClientCertificatePolicy,
  PRESENTED_MAX,
} from './client-certificate-policy.ts';

export type Admission =
  /** Without a certificate, where none is required. */
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'verified'; readonly certificate: ClientCertificate }
  | { readonly kind: 'missing' }
  /** `reason` is OpenSSL's name of the error, or ours. */
  | { readonly kind: 'refused'; readonly reason: CertificateRefusal | string };

const ANONYMOUS: Admission = Object.freeze({ kind: 'anonymous' });
const MISSING: Admission = Object.freeze({ kind: 'missing' });
const NO_ISSUER: CertificateRefusal = 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
const NONE_PRESENTED: readonly X509Certificate[] = [];

/**
 * Whether the session of a ticket may be resumed. Resumption verifies nothing again, and what cannot be judged now (an expired certificate, an
 * intermediate that only the client had) shall end in a full handshake, which asks for the certificate, and not in a refusal.
 */
export function admitSession(
  policy: ClientCertificatePolicy,
  session: TicketSession | undefined,
  nowS: number,
): Admission {
  if (session === undefined) return { kind: 'refused', reason: 'CERT_UNREADABLE' };
  if (session.peerCertificate === undefined) return policy.required ? MISSING : ANONYMOUS;
  if (!session.verified) return { kind: 'refused', reason: NO_ISSUER };
  return admissionOf(policy.verify(session.peerCertificate, NONE_PRESENTED, nowS));
}

/**
 * The last word, in `secureConnection`, before a request is read. A TLS 1.3 session that was resumed without a certificate counts as authorized
 * for Node, and one of an expired certificate, too.
 *
 * @param verifiedBy whose authorities OpenSSL had: another's than the policy's, where a configuration came in the middle of the handshake.
 * @param ofSession what {@link admitSession} said of the ticket, so that one certificate is not judged twice.
 */
export function admitClient(
  policy: ClientCertificatePolicy,
  socket: TLSSocket,
  verifiedBy: ClientCertificatePolicy | undefined,
  ofSession: Admission | undefined,
  nowS: number,
): Admission {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return policy.required ? MISSING : ANONYMOUS;
  // A string since Node 0.11, whatever its type says.
  if (!socket.authorized) return { kind: 'refused', reason: String(socket.authorizationError) };
  const isResumed = socket.isSessionReused();
  if (isResumed && ofSession?.kind === 'verified' && isSame(ofSession.certificate, leaf)) return ofSession;
  if (isResumed) return admissionOf(policy.verify(leaf.raw, NONE_PRESENTED, nowS));
  const presented = presentedAbove(leaf);
  const verdict = policy.verify(leaf.raw, presented, nowS);
  const isUnseen = verdict.kind === 'refused' && verdict.reason === NO_ISSUER && presented.length === 0;
  // Nobody but OpenSSL has seen the chain, so it must have been led to a root of this policy.
  return admissionOf(isUnseen && verifiedBy === policy ? policy.verifyUnseen(leaf.raw, nowS) : verdict);
}

function admissionOf(verdict: CertificateVerdict): Admission {
  if (verdict.kind === 'refused') return verdict;
  return { kind: 'verified', certificate: new ClientCertificate(verdict.chain) };
}

function isSame({ chain }: ClientCertificate, leaf: X509Certificate): boolean {
  return chain[0]?.fingerprint === fingerprintOf(leaf.raw);
}

/** What a peer sent along with its certificate; not its own, and on some Nodes nothing (see {@link ClientCertificatePolicy.verifyUnseen}). */
export function presentedAbove(leaf: X509Certificate): readonly X509Certificate[] {
  const presented: X509Certificate[] = [];
  for (
    let above = leaf.issuerCertificate;
    above !== undefined && presented.length < PRESENTED_MAX;
    above = above.issuerCertificate
  )
    presented.push(above);
  return presented;
}
