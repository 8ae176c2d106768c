// The listening sockets of a supervisor: who uses which, and when one is closed.

import type { Address } from '@limpet/model';
import { bindSocket, type KeptSocket } from './listening-socket.ts';

/** A serving process, as far as sockets go: something to tell users apart by. */
export type SocketUser = object;

interface Entry {
  readonly socket: KeptSocket;
  /** Not ours to close: systemd keeps it open in any case, and it could not be had again. */
  readonly activated: boolean;
  readonly users: Set<SocketUser>;
}

export class KeptSockets {
  readonly #bind: (address: Address) => KeptSocket;
  readonly #entries = new Map<string, Entry>();
  /** The port that port 0 became, by place. */
  readonly #chosenPorts = new Map<string, number>();

  /** @param activated sockets that this process was started with. */
  constructor(activated: readonly KeptSocket[], bind: (address: Address) => KeptSocket = bindSocket) {
    this.#bind = bind;
    for (const socket of activated) {
      this.#entries.set(keyOf(socket.address), { socket, activated: true, users: new Set() });
    }
  }

  get addresses(): readonly Address[] {
    return [...this.#entries.values()].map(({ socket }) => socket.address);
  }

  /** The socket on the address, opened if need be, is in use by the user from now on. @throws with the system's `code`. */
  open(place: string, { ip, port }: Address, user: SocketUser): Address {
    const wanted = { ip, port: port === 0 ? (this.#chosenPorts.get(place) ?? 0) : port };
    let entry = wanted.port === 0 ? undefined : this.#entries.get(keyOf(wanted));
    if (entry === undefined) {
      entry = { socket: this.#bind(wanted), activated: false, users: new Set() };
      this.#entries.set(keyOf(entry.socket.address), entry);
    }
    entry.users.add(user);
    const { address } = entry.socket;
    if (port === 0) this.#chosenPorts.set(place, address.port);
    return address;
  }

  find(address: Address): KeptSocket | undefined {
    return this.#entries.get(keyOf(address))?.socket;
  }

  /** The user needs the socket no more; nobody else does: it is closed. What it has lent lives on until it is closed, too. */
  release(address: Address, user: SocketUser): void {
    const entry = this.#entries.get(keyOf(address));
    if (entry?.users.delete(user) === true) this.#closeUnused(entry);
  }

  /** As release, of everything that the user had. */
  releaseAll(user: SocketUser): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.users.delete(user)) this.#closeUnused(entry);
    }
  }

  closeAll(): void {
    for (const { socket } of this.#entries.values()) socket.handle.close();
    this.#entries.clear();
  }

  #closeUnused({ users, activated, socket }: Entry): void {
    if (users.size > 0 || activated) return;
    this.#entries.delete(keyOf(socket.address));
    socket.handle.close();
  }
}

function keyOf({ ip, port }: Address): string {
  return `${ip}|${port}`;
}
