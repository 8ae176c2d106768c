// The proxies that are believed: sources whose connections begin with a PROXY protocol header.

import { BlockList, isIPv6 } from 'node:net';
import type { IpPrefix } from '@limpet/model';

export class TrustedProxies {
  readonly #list = new BlockList();

  constructor(prefixes: readonly IpPrefix[]) {
    for (const { ip, bits } of prefixes) this.#list.addSubnet(ip, bits, isIPv6(ip) ? 'ipv6' : 'ipv4');
  }

  /** @param ip as the listener gives it: an IPv4 peer of a dual-stack listener is an IPv4 address. */
  has(ip: string): boolean {
    return this.#list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4');
  }
}
