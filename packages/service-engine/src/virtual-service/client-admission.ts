// What the pipeline does about certificates of clients: a ticket judged before its session is resumed, and a verdict written down.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClientCertificateOutcome } from '@limpet/model';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { TicketResult } from '../session-ticket/open-ticket.ts';
import type { TicketPlan } from '../session-ticket/ticket-binding.ts';
import { readTicketSession } from '../session-ticket/ticket-session.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { type Admission, admitSession } from '../tls/admit-client.ts';
import type { ClientCertificatePolicy } from '../tls/client-certificate-policy.ts';
import type { ClientConnection } from './client-connection.ts';
import type { ClientCertificateFacts } from './connection-record.ts';

/** What was found in a ticket that may be resumed, and by which policy. */
export interface JudgedSession {
  readonly policy: ClientCertificatePolicy;
  readonly admission: Admission;
}

const OUTCOMES = metricOffset('limpet_client_certificates_total', 'verified');
const offsetOf = (outcome: ClientCertificateOutcome): number =>
  metricOffset('limpet_client_certificates_total', outcome) - OUTCOMES;

/** By the names of the errors; any other is `untrusted`. */
const OUTCOME_OF: Readonly<Record<string, ClientCertificateOutcome>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_REVOKED: 'revoked',
  UNABLE_TO_GET_CRL: 'unresolved',
  CRL_HAS_EXPIRED: 'unresolved',
  CRL_NOT_YET_VALID: 'unresolved',
};

/** How long a client that was turned away may take to close its side. */
const TURNED_AWAY_MS = 1000;

/** OpenSSL refuses a client that shows no certificate in the middle of the handshake, with an alert. */
const NONE_SHOWN = 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE';

export function isLetIn(
  admission: Admission,
): admission is Admission & { readonly kind: 'anonymous' | 'verified' } {
  return admission.kind === 'anonymous' || admission.kind === 'verified';
}

/** Undefined where nothing would be resumed, or no certificate is asked for. */
export function judgeSession(
  plan: TicketPlan,
  ticket: TicketResult,
  policy: ClientCertificatePolicy | undefined,
  nowS: number,
): JudgedSession | undefined {
  if (policy === undefined || plan.resume === undefined || ticket.kind !== 'opened') return undefined;
  return { policy, admission: admitSession(policy, readTicketSession(ticket.sealed, ticket.key), nowS) };
}

/** The mapping still steers, and is carried over; the client shows its certificate again. */
export function withoutResumption({ resume: _resume, ...plan }: TicketPlan): TicketPlan {
  return plan;
}

/** Whether a handshake that failed did so because of the client's certificate. */
export function refusalOf(errorCode: string, socket: TLSSocket): Admission | undefined {
  if (errorCode === NONE_SHOWN) return { kind: 'missing' };
  // Set by Node just before it closes such a connection; its type says Error, and it is the name of one.
  const reason: unknown = socket.authorizationError;
  return typeof reason === 'string' ? { kind: 'refused', reason } : undefined;
}

/** Counts the verdict, puts it into the record, and ends a connection that is not let in. */
export function noteAdmission(
  connection: ClientConnection,
  socket: TLSSocket,
  admission: Admission,
  withFacts: boolean,
): void {
  const { record, virtualService } = connection;
  virtualService.metrics.add(OUTCOMES + offsetOf(outcomeOf(admission)));
  if (withFacts) record.clientCertificate = factsOf(admission);
  if (isLetIn(admission)) {
    connection.identity = {
      ...(admission.kind === 'verified' ? { certificate: admission.certificate } : {}),
      tlsVersion: socket.getProtocol() ?? '',
      cipher: socket.getCipher().standardName,
      serverName: record.serverName ?? '',
    };
    return;
  }
  connection.addSignificance('ADF_CLIENT_SSL_HANDSHAKE_FAILURE');
  if (admission.kind === 'missing') connection.end('CLIENT_CERTIFICATE_MISSING');
  else connection.end('CLIENT_CERTIFICATE_REFUSED', admission.reason);
}

/** The handshake is done, so there is no alert to say why: the record tells, and the client sees the connection closed, not broken. */
export function turnAway(rawSocket: Socket, socket: TLSSocket, deadlines: Deadlines): void {
  const deadline = deadlines.start(TURNED_AWAY_MS, () => rawSocket.destroy());
  rawSocket.once('close', () => deadline.cancel());
  socket.on('error', () => rawSocket.destroy());
  // What it has sent already would turn the close into a reset.
  socket.resume();
  socket.end();
}

function outcomeOf(admission: Admission): ClientCertificateOutcome {
  switch (admission.kind) {
    case 'verified':
      return 'verified';
    case 'anonymous':
      return 'none';
    case 'missing':
      return 'missing';
    case 'refused':
      return OUTCOME_OF[admission.reason] ?? 'untrusted';
  }
}

function factsOf(admission: Admission): ClientCertificateFacts {
  switch (admission.kind) {
    case 'verified': {
      const { subject, serial, fingerprint } = admission.certificate;
      return { verify: 'verified', subject, serial, fingerprint };
    }
    case 'anonymous':
      return { verify: 'none' };
    case 'missing':
      return { verify: 'missing' };
    case 'refused':
      return { verify: admission.reason };
  }
}
