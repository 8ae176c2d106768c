// The names of one connection to a server: what it is asked for in its TLS handshake, and whom its certificate must be for.

import { isIP } from 'node:net';
import type { ServerNaming, ServerTlsSnapshot } from '@limpet/model';
import { hostOfAuthority } from './authority.ts';

export interface ServerNames {
  /** The same for connections that may carry each other's requests, and for no others. */
  readonly key: string;
  /** SNI; undefined: none. */
  readonly serverName: string | undefined;
  /** Empty: the certificate may be for any. */
  readonly verifiedNames: readonly string[];
}

const NO_NAMES: ServerNames = Object.freeze({ key: '', serverName: undefined, verifiedNames: [] });
// What a resolver takes for a name; OpenSSL takes no more than 255 bytes.
const HOST_NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
const HOST_NAME_LENGTH_MAX = 255;

/**
 * @param tls of the pool; undefined: in the clear, where connections have no names.
 * @param authority of the client's request, before it is rewritten.
 */
export function serverNamesFor(tls: ServerTlsSnapshot | undefined, authority: string): ServerNames {
  if (tls === undefined) return NO_NAMES;
  const { serverName, verifiedNames } = tls;
  // The same for all requests of the pool: one key does.
  const byRequest = serverName.kind === 'request-host' || verifiedNames.kind === 'request-host';
  const host = byRequest ? withoutBrackets(hostOfAuthority(authority)) : '';
  const sni = namesIn(serverName, host)[0] ?? '';
  return {
    key: host,
    serverName:
      HOST_NAME.test(sni) && sni.length <= HOST_NAME_LENGTH_MAX && isIP(sni) === 0 ? sni : undefined,
    verifiedNames: namesIn(verifiedNames, host),
  };
}

function namesIn(naming: ServerNaming, host: string): readonly string[] {
  switch (naming.kind) {
    case 'none':
      return [];
    case 'names':
      return naming.names;
    case 'request-host':
      return [host];
  }
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}
