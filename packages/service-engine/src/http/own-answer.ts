// Requests that the engine answers itself, whatever the servers are like: what it decides before one is chosen.

import type { ErrorCode } from '@limpet/model';
import { hostOfAuthority } from './authority.ts';
import type { RequestHead } from './message.ts';
import type { HttpService, ProxiedConnection } from './proxied-connection.ts';

export type OwnAnswer =
  | { readonly kind: 'refuse'; readonly error: ErrorCode; readonly lastOnConnection: boolean }
  | { readonly kind: 'redirect'; readonly status: 302 | 308; readonly location: string };

const HTTPS_PORT = 443;

/** Undefined: the request is forwarded. */
export function ownAnswerTo(
  head: RequestHead,
  connection: ProxiedConnection,
  { http }: HttpService,
): OwnAnswer | undefined {
  if (!connection.serves(head.authority))
    return { kind: 'refuse', error: 'HOST_MISDIRECTED', lastOnConnection: false };
  if (http.redirectToHttpsPort !== undefined && !connection.secure)
    return redirectToHttps(head, http.redirectToHttpsPort);
  if (head.asksForWebSocket && !http.webSockets)
    return { kind: 'refuse', error: 'UPGRADE_NOT_SUPPORTED', lastOnConnection: true };
  return undefined;
}

function redirectToHttps({ method, target, authority }: RequestHead, port: number): OwnAnswer {
  const host = hostOfAuthority(authority);
  // HTTP/1.0 without Host, and OPTIONS *: there is nowhere to send the client to.
  if (host === '' || !target.startsWith('/'))
    return { kind: 'refuse', error: 'REQUEST_MALFORMED', lastOnConnection: true };
  return {
    kind: 'redirect',
    // A client may make a GET of anything else after a 302 (RFC 9110 §15.4.3), and drop the body.
    status: method === 'GET' || method === 'HEAD' ? 302 : 308,
    location: `https://${host}${port === HTTPS_PORT ? '' : `:${port}`}${target}`,
  };
}
