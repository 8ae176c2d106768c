// IP prefixes as text: an address, or an address and how many of its bits count (CIDR).

import { isIP } from 'node:net';
import { canonicalIp } from './ip-address.ts';

export interface IpPrefix {
  readonly ip: string;
  /** 32 or 128: this address alone. */
  readonly bits: number;
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address; undefined where it is none of them. */
export function parseIpPrefix(text: string): IpPrefix | undefined {
  const [ip = '', bitsText, ...rest] = text.split('/');
  const version = isIP(ip);
  // A zone is of one machine, and a prefix is for all.
  if (version === 0 || rest.length > 0 || ip.includes('%')) return undefined;
  const bitsMax = version === 4 ? 32 : 128;
  if (bitsText === undefined) return { ip: canonicalIp(ip), bits: bitsMax };
  if (!/^(0|[1-9]\d{0,2})$/.test(bitsText) || Number(bitsText) > bitsMax) return undefined;
  return { ip: canonicalIp(ip), bits: Number(bitsText) };
}
