// Where the addresses of a snapshot are listened on: that new ones can be had, which ports stand for port 0, which addresses for others.

import {
  type Address,
  deepFreeze,
  describeAddress,
  type HttpSnapshot,
  LimpetError,
  type ListenerSnapshot,
  type Snapshot,
  type VirtualServiceSnapshot,
} from '@limpet/model';
import type { ListeningSockets } from '../listener/listening-sockets.ts';
import { addressKey } from './worker-messages.ts';

export interface BoundSnapshot {
  readonly snapshot: Snapshot;
  /** Addresses that were opened for it: to be released if it does not come into effect. */
  readonly opened: readonly Address[];
}

/** Where this engine listens in place of a configured address: it shares a host, or clients reach it through a translation of addresses. */
export interface AddressMapping {
  readonly configured: Address;
  readonly listened: Address;
}

/** Every address that a snapshot listens on. */
export function addressesOf(snapshot: Snapshot): readonly Address[] {
  return snapshot.virtualServices.flatMap(({ listeners }) => listeners.map(({ address }) => address));
}

/** Addresses that the next snapshot listens on no more. */
export function addressesGone(former: Snapshot, next: Snapshot): readonly Address[] {
  const kept = new Set(addressesOf(next).map(addressKey));
  return addressesOf(former).filter((address) => !kept.has(addressKey(address)));
}

/** Remembers the ports that the operating system chose, so that a reload keeps them. */
export class BoundPorts {
  readonly #sockets: ListeningSockets;
  readonly #mapped: ReadonlyMap<string, Address>;
  readonly #chosen = new Map<string, number>();
  /** What is unchanged is the same object here, too. */
  readonly #bound = new WeakMap<VirtualServiceSnapshot, VirtualServiceSnapshot>();

  constructor(sockets: ListeningSockets, mappings: readonly AddressMapping[] = []) {
    this.#sockets = sockets;
    this.#mapped = new Map(mappings.map(({ configured, listened }) => [addressKey(configured), listened]));
  }

  /**
   * A new address must be free, also of engines that share ports; port 0 becomes a port. The hash stays that of the objects.
   *
   * @param former what is in effect: its addresses are this engine's own.
   * @throws LimpetError ADDRESS_IN_USE
   */
  async bind(snapshot: Snapshot, former: Snapshot | undefined): Promise<BoundSnapshot> {
    const opened: Address[] = [];
    try {
      return { snapshot: await this.#bind(snapshot, former, opened), opened };
    } catch (error) {
      await this.release(opened);
      throw error;
    }
  }

  /** Gives addresses up. */
  async release(addresses: readonly Address[]): Promise<void> {
    for (const address of addresses) await this.#sockets.close(address);
  }

  async #bind(snapshot: Snapshot, former: Snapshot | undefined, opened: Address[]): Promise<Snapshot> {
    const open = new Set(former === undefined ? [] : addressesOf(former).map(addressKey));
    const taken = new Map<string, Address>();
    const virtualServices: VirtualServiceSnapshot[] = [];
    for (const virtualService of snapshot.virtualServices) {
      const listeners = [];
      for (const [index, listener] of virtualService.listeners.entries()) {
        const key = `${virtualService.uuid}/${index}`;
        const { ip, port } = this.#mapped.get(addressKey(listener.address)) ?? listener.address;
        let address = { ip, port: port === 0 ? (this.#chosen.get(key) ?? 0) : port };
        refuseTwice(taken, address, listener.address);
        if (!open.has(addressKey(address))) {
          address = await this.#sockets.open(key, address);
          open.add(addressKey(address));
          opened.push(address);
        }
        if (port === 0) this.#chosen.set(key, address.port);
        listeners.push({ ...listener, address });
      }
      // Ports that were chosen are kept.
      const bound =
        this.#bound.get(virtualService) ??
        deepFreeze({ ...virtualService, listeners, http: redirectedTo(listeners, virtualService.http) });
      this.#bound.set(virtualService, bound);
      virtualServices.push(bound);
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

/** Validation has seen that no two are configured on one address; a mapping can bring two to one. */
function refuseTwice(taken: Map<string, Address>, address: Address, configured: Address): void {
  if (address.port === 0) return;
  const key = addressKey(address);
  const other = taken.get(key);
  taken.set(key, configured);
  if (other === undefined) return;
  throw new LimpetError(
    'ADDRESS_IN_USE',
    `${describeAddress(address)} would stand for both ${describeAddress(other)} and ${describeAddress(configured)}; change --listen-map`,
  );
}
