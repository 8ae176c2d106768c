// The authority of a request: which host it names.

/** The host of an authority (`host`, `host:port`, `[v6]:port`) as names are compared: lower case, without port and final dot. */
export function hostOfAuthority(authority: string): string {
  const bracket = authority.startsWith('[') ? authority.indexOf(']') + 1 : 0;
  const colon = authority.indexOf(':', bracket);
  const host = colon < 0 ? authority : authority.slice(0, colon);
  return (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase();
}
