// Names of virtual hosts, as Avi's vh_domain_name has them: one host, everything under a domain, or a beginning.

/** `exact`: shop.example. `suffix`: `*.example` or `.example`, any depth. `prefix`: `www.example.*`. Lower case. */
export type HostPattern =
  | { readonly kind: 'exact'; readonly host: string }
  | { readonly kind: 'suffix'; readonly suffix: string }
  | { readonly kind: 'prefix'; readonly prefix: string };

// RFC 1035 §2.3.4, without the final dot.
const HOST_LENGTH_MAX = 253;
const LABELS = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** Undefined where it is none of the three. */
export function parseHostPattern(text: string): HostPattern | undefined {
  const name = text.toLowerCase();
  const rest = name.replace(/^\*?\.|\.\*$/, '');
  if (name.length > HOST_LENGTH_MAX || !LABELS.test(rest)) return undefined;
  if (rest === name) return { kind: 'exact', host: name };
  if (name.endsWith('.*')) return { kind: 'prefix', prefix: `${rest}.` };
  return { kind: 'suffix', suffix: `.${rest}` };
}

/** Whether the pattern covers a host (lower case, without port or final dot). */
export function matchesHost(pattern: HostPattern, host: string): boolean {
  switch (pattern.kind) {
    case 'exact':
      return host === pattern.host;
    case 'suffix':
      return host.length > pattern.suffix.length && host.endsWith(pattern.suffix);
    case 'prefix':
      return host.length > pattern.prefix.length && host.startsWith(pattern.prefix);
  }
}

/** How much of a host the pattern says; the greater decides where several match. A whole name says more than any part. */
export function hostPatternWeight(pattern: HostPattern): number {
  if (pattern.kind === 'exact') return HOST_LENGTH_MAX + 1;
  return pattern.kind === 'suffix' ? pattern.suffix.length : pattern.prefix.length;
}
