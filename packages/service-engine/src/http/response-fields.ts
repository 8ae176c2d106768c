// What the engine adds to every response head.

import type { ResponseHead } from './message.ts';
import type { HttpService } from './proxied-connection.ts';

const HAS_STRICT_TRANSPORT_SECURITY = /^strict-transport-security:/im;

/** @returns lines, each `name: value\r\n`. */
export function addedResponseLines(
  { fieldLines }: ResponseHead,
  requestId: string,
  { http }: HttpService,
  secure: boolean,
): string {
  const policy = http.strictTransportSecurity;
  // RFC 6797 §7.2: never without TLS. Of two a client takes the first (§8.1): the server's own stands.
  if (policy === undefined || !secure || HAS_STRICT_TRANSPORT_SECURITY.test(fieldLines))
    return `X-Request-Id: ${requestId}\r\n`;
  return `X-Request-Id: ${requestId}\r\nStrict-Transport-Security: ${policy}\r\n`;
}
