// Where listening sockets come from: the engine's own, one a worker, or those of a supervisor that outlive it.

import type { Address } from '@limpet/model';
import { probeAddress } from './tcp-listener.ts';

export interface ListeningSockets {
  /**
   * Makes sure of an address that is to be listened on.
   *
   * @param place names what listens there, over reloads and restarts.
   * @returns the address, where port 0 has become a port.
   * @throws LimpetError ADDRESS_IN_USE or APPLY_FAILED
   */
  open(place: string, address: Address): Promise<Address>;
  /** A descriptor for one worker, which then belongs to it; undefined where each worker opens a socket of its own. @throws LimpetError APPLY_FAILED */
  lend(address: Address): Promise<number | undefined>;
  /** The engine needs the address no more. What was lent lives on until it is closed. */
  close(address: Address): Promise<void>;
}

/** Sockets that live and die with the threads that accept from them. */
export const ownSockets: ListeningSockets = Object.freeze({
  open: (_place: string, address: Address) => probeAddress(address),
  lend: () => Promise.resolve(undefined),
  close: () => Promise.resolve(),
});
