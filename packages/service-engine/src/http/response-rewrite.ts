// What of a server's response is changed on its way: cookies, redirects, and words that were for a proxy of the server's own.

import type { HttpSnapshot } from '@limpet/model';
import { hostOfAuthority } from './authority.ts';
import { eachFieldLine } from './http1/field-lines.ts';
import type { ResponseHead } from './message.ts';

const CONCERNED = /^(?:set-cookie|location|x-accel-)/im;
const HTTP_URL = /^http:\/\/([^/?#]*)(.*)$/i;

/**
 * @param authority of the request.
 * @param secure whether the client speaks TLS.
 */
export function rewriteResponse(
  head: ResponseHead,
  http: HttpSnapshot,
  authority: string,
  secure: boolean,
): ResponseHead {
  if (!CONCERNED.test(head.fieldLines)) return head;
  const { cookieAttributes, redirectsToHttps, accelFields } = http;
  const isRedirect = head.status >= 300 && head.status < 400;
  let lines = '';
  eachFieldLine(head.fieldLines, (name, value) => {
    const lower = name.toLowerCase();
    if (lower.startsWith('x-accel-') && !accelFields) return;
    let written = value;
    if (lower === 'set-cookie') {
      // A cookie with Secure that comes without TLS is thrown away by the browser.
      if (cookieAttributes.secure && secure) written = withAttribute(written, 'Secure');
      if (cookieAttributes.httpOnly) written = withAttribute(written, 'HttpOnly');
    } else if (lower === 'location' && redirectsToHttps && secure && isRedirect) {
      written = toHttps(written, authority);
    }
    lines += `${name}: ${written}\r\n`;
  });
  return { ...head, fieldLines: lines };
}

function withAttribute(cookie: string, attribute: string): string {
  const has = cookie
    .split(';')
    .slice(1)
    .some((part) => part.trim().toLowerCase() === attribute.toLowerCase());
  return has ? cookie : `${cookie}; ${attribute}`;
}

/** Only the host that was asked, at its own port or that of http: redirects to others are the server's to make. */
function toHttps(location: string, authority: string): string {
  const [, target = '', rest = ''] = HTTP_URL.exec(location) ?? [];
  if (target === '' || hostOfAuthority(target) !== hostOfAuthority(authority)) return location;
  const port = portOf(target);
  return port === '' || port === '80' || port === portOf(authority)
    ? `https://${authority}${rest}`
    : location;
}

function portOf(authority: string): string {
  return /^(?:\[[^\]]*\]|[^:]*):(\d+)$/.exec(authority)?.[1] ?? '';
}

/** The rule of the profile that a response head breaks, if it breaks one; its codec has held it to limits of its own. */
export function responseLimitBroken(
  { reason, fieldLines }: ResponseHead,
  http: HttpSnapshot,
): string | undefined {
  if (reason.length + fieldLines.length > http.responseHeadLimitBytes) return 'head too large';
  // No field is shorter than four bytes, so most heads need not be counted.
  if (fieldLines.length <= 4 * http.fieldCountLimit) return undefined;
  let count = 0;
  for (let at = fieldLines.indexOf('\n'); at >= 0; at = fieldLines.indexOf('\n', at + 1)) count++;
  return count > http.fieldCountLimit ? 'too many fields' : undefined;
}
