// The host router: which of the virtual services that share an address serves a host.

import { type HostPattern, type HostSnapshot, matchesHost } from '@limpet/model';

/** Built once for a parent and all its children; asked for each connection, and for each request on it. */
export class HostRouter {
  readonly #parentUuid: string;
  readonly #exact = new Map<string, string>();
  readonly #partial: { readonly pattern: HostPattern; readonly virtualServiceUuid: string }[] = [];

  constructor(parentUuid: string, hosts: readonly HostSnapshot[]) {
    this.#parentUuid = parentUuid;
    for (const { pattern, virtualServiceUuid } of hosts) {
      if (pattern.kind === 'exact') this.#exact.set(pattern.host, virtualServiceUuid);
      else this.#partial.push({ pattern, virtualServiceUuid });
    }
  }

  /** @param host in lower case, without port; a host that no child has, and none at all, are the parent's. */
  ownerOf(host: string | undefined): string {
    if (host === undefined) return this.#parentUuid;
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    // The most telling pattern comes first.
    for (const { pattern, virtualServiceUuid } of this.#partial) {
      if (matchesHost(pattern, host)) return virtualServiceUuid;
    }
    return this.#parentUuid;
  }
}
