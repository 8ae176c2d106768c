// Who a client is by its TLS handshake, where a certificate was asked for; kept as long as its connection.

import type { ClientCertificate } from '../tls/client-certificate.ts';

export interface ClientIdentity {
  /** Verified; absent: it has shown none, and none is required. */
  readonly certificate?: ClientCertificate;
  readonly tlsVersion: string;
  readonly cipher: string;
  /** Of the ClientHello; '' where it names none. */
  readonly serverName: string;
}
