// The ports of a snapshot: that new ones are free, and which ones stand for port 0.

import type { HttpSnapshot, ListenerSnapshot, Snapshot, VirtualServiceSnapshot } from '@limpet/model';
import { probeAddress } from '../listener/tcp-listener.ts';

/** Remembers the ports that the operating system chose, so that a reload keeps them. */
export class BoundPorts {
  readonly #chosen = new Map<string, number>();

  /**
   * A new address must be free, also of engines that share ports; port 0 becomes a port. The hash stays that of the objects.
   *
   * @param former what is in effect: its addresses are this engine's own.
   * @throws LimpetError ADDRESS_IN_USE
   */
  async bind(snapshot: Snapshot, former: Snapshot | undefined): Promise<Snapshot> {
    const open = new Set(
      former?.virtualServices.flatMap(({ listeners }) =>
        listeners.map(({ address }) => `${address.ip}|${address.port}`),
      ),
    );
    const virtualServices: VirtualServiceSnapshot[] = [];
    for (const virtualService of snapshot.virtualServices) {
      const listeners = [];
      for (const [index, listener] of virtualService.listeners.entries()) {
        const key = `${virtualService.uuid}/${index}`;
        const { ip, port } = listener.address;
        let address = { ip, port: port === 0 ? (this.#chosen.get(key) ?? 0) : port };
        if (!open.has(`${ip}|${address.port}`)) address = await probeAddress(address);
        if (port === 0) this.#chosen.set(key, address.port);
        listeners.push({ ...listener, address });
      }
      virtualServices.push({
        ...virtualService,
        listeners,
        http: redirectedTo(listeners, virtualService.http),
      });
    }
    return { ...snapshot, virtualServices };
  }
}

/** Where clients are redirected to a port 0, to the one that it became. */
function redirectedTo(listeners: readonly ListenerSnapshot[], http: HttpSnapshot): HttpSnapshot {
  const secure = listeners.find(({ terminatesTls }) => terminatesTls);
  if (http.redirectToHttpsPort !== 0 || secure === undefined) return http;
  return { ...http, redirectToHttpsPort: secure.address.port };
}
