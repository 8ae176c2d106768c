// Cookies of the API: those of a request, where a client sends a stale one beside the newer, and those that an answer sets.

/** RFC 6265 §5.4 orders none of one name; SDKs add the newer behind, so the last counts. */
export function readCookies(header: string | undefined): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const piece of (header ?? '').split(';')) {
    const part = piece.trim();
    const equals = part.indexOf('=');
    if (equals < 1) continue;
    const value = part.slice(equals + 1).trim();
    cookies.set(part.slice(0, equals).trim(), value.replace(/^"(.*)"$/, '$1'));
  }
  return cookies;
}

export interface CookieAttributes {
  readonly maxAgeS: number;
  readonly httpOnly: boolean;
}

export function setCookie(name: string, value: string, { maxAgeS, httpOnly }: CookieAttributes): string {
  // Strict would leave out the cookie when a link leads to the UI; no request that changes anything comes from a link.
  return `${name}=${value}; Max-Age=${Math.floor(maxAgeS)}; Path=/; Secure; SameSite=Lax${httpOnly ? '; HttpOnly' : ''}`;
}
