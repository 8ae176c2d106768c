// The TLS settings of the client, the same towards every subject: one group, one cipher suite a version.

import { createSecureContext, type SecureContext } from 'node:tls';
import type { TlsVersion } from './load-command.ts';

const CIPHERS = 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256';
// The key share, and all that the subjects accept, is X25519. P-256 must be offered because in TLS 1.2 the list also
// says which certificates a client can check (RFC 8422 §5.1): without it an ECDSA P-256 certificate is refused.
const GROUPS = 'X25519:P-256';

const contexts = new Map<TlsVersion, SecureContext>();

/** One context a version, kept: making one costs more than a handshake. */
export function clientContext(version: TlsVersion): SecureContext {
  let context = contexts.get(version);
  if (context === undefined) {
    context = createSecureContext({
      minVersion: version,
      maxVersion: version,
      ciphers: CIPHERS,
      ecdhCurve: GROUPS,
    });
    contexts.set(version, context);
  }
  return context;
}

/** The n-th of many client addresses on loopback, so that clients differ in address as they do in the world. */
export function clientAddress(n: number): string {
  return `127.1.${Math.floor(n / 250) % 250}.${1 + (n % 250)}`;
}
