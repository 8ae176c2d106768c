// TLS in which the engine is the client: opening a connection, and what has to be true of the certificate that the server shows.

import type { X509Certificate } from 'node:crypto';
import { isIP, type OnReadOpts } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import type { Address } from '@limpet/model';
import { connectOptions } from './client-channel.ts';

/** What TLS to a server goes by; made from its configuration once. */
export interface TlsClient {
  readonly context: SecureContext;
  /** Whether the certificate of the server has to come from an authority of the context. */
  readonly verifies: boolean;
  /** Asked about a certificate that OpenSSL has verified; returns why it is not taken all the same, under OpenSSL's names. */
  readonly judge?: (certificate: X509Certificate) => string | undefined;
}

/** What one connection is opened with. */
export interface TlsTarget {
  readonly address: Address;
  readonly client: TlsClient;
  /** Sent as server name (SNI); never an address. */
  readonly serverName: string | undefined;
  /** The certificate must be for one of these; empty: for any name. */
  readonly verifiedNames: readonly string[];
  /** Offered by ALPN; empty: none. */
  readonly protocols: readonly string[];
  /** Of an earlier connection with all of the above. */
  readonly session: Buffer | undefined;
}

/** Why a handshake came to nothing. */
export type TlsFailure = 'handshake' | 'certificate';

/** Before secureConnect, an error of the socket is one of these or of TCP. */
export function tlsFailureOf(error: Error | undefined): TlsFailure {
  // OpenSSL's verdicts on certificates come under their own names (CERT_HAS_EXPIRED), its protocol errors as ERR_SSL_…
  const code = error !== undefined && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === NAME_MISMATCH || (code.includes('_') && !code.startsWith('ERR_'))) return 'certificate';
  return 'handshake';
}

const NAME_MISMATCH = 'ERR_TLS_CERT_ALTNAME_INVALID';

/** What the opener of a connection is told. */
export interface TlsConnectEvents {
  onSecure(socket: TLSSocket): void;
  /** A session that the next connection can resume; any number, after onSecure, for as long as the connection lasts. */
  onSession?(session: Buffer, socket: TLSSocket): void;
}

/**
 * Begins to open a TLS connection. `onSecure` is called once the server has shown a certificate that may be taken; else the socket ends
 * with an error.
 */
export function connectTls(
  target: TlsTarget,
  { onSecure, onSession }: TlsConnectEvents,
  onread?: OnReadOpts,
): TLSSocket {
  const { client, serverName, protocols, session } = target;
  const socket = connect({
    ...connectOptions(target.address),
    secureContext: client.context,
    // Else Node takes the address for a name, and warns.
    servername: serverName ?? '',
    rejectUnauthorized: client.verifies,
    // Below: Node's own check knows one name.
    checkServerIdentity: () => undefined,
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    ...(session === undefined ? {} : { session }),
    ...(onread === undefined ? {} : { onread }),
  });
  // Before the handshake: Node hands out those of TLS 1.2 only to who waits for them then.
  if (onSession !== undefined) socket.on('session', (made: Buffer) => onSession(made, socket));
  socket.on('secureConnect', () => {
    const refusal = refusalOf(socket, target);
    if (refusal === undefined) onSecure(socket);
    else socket.destroy(Object.assign(new Error('certificate'), { code: refusal }));
  });
  return socket;
}

/** A resumed session was judged when it was new; it has no certificate to look at. */
function refusalOf(socket: TLSSocket, { client, verifiedNames }: TlsTarget): string | undefined {
  if (socket.isSessionReused() || (verifiedNames.length === 0 && client.judge === undefined))
    return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return NAME_MISMATCH;
  if (verifiedNames.length > 0 && !verifiedNames.some((name) => isFor(certificate, name)))
    return NAME_MISMATCH;
  return client.judge?.(certificate);
}

function isFor(certificate: X509Certificate, name: string): boolean {
  // No host in a request, and one is to be verified.
  if (name === '') return false;
  if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined;
  return certificate.checkHost(name, { partialWildcards: false }) !== undefined;
}
