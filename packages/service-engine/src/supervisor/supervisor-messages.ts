// What a supervisor and the engine that it runs say to each other, over the channel of a child process.

import type { Address } from '@limpet/model';

/** Each request has an id, and an answer with the same. */
export type EngineToSupervisor =
  | { readonly kind: 'hello'; readonly id: number }
  /**
   * Asks for a socket on the address. Port 0 stands for any port, the same one each time for the same place: a name that outlives processes, as that
   * of a listener of a virtual service.
   */
  | { readonly kind: 'open'; readonly id: number; readonly place: string; readonly address: Address }
  /** Asks for a descriptor of its own of a socket that is open. */
  | { readonly kind: 'borrow'; readonly id: number; readonly address: Address }
  /** The engine will accept on this address no more, once it has accepted what waits. */
  | { readonly kind: 'close'; readonly id: number; readonly address: Address }
  /** A secret that the next process shall have, too: ticket keys that are in no file. */
  | { readonly kind: 'keep'; readonly id: number; readonly ticketKeys: string }
  /** It serves. */
  | { readonly kind: 'ready'; readonly id: number; readonly drainTimeoutMs: number };

export type EngineRequest = EngineToSupervisor extends infer M
  ? M extends { readonly id: number }
    ? Omit<M, 'id'>
    : never
  : never;

export type SupervisorToEngine =
  | { readonly kind: 'answer'; readonly id: number; readonly address?: Address; readonly ticketKeys?: string }
  /** With a handle beside it. */
  | { readonly kind: 'lent'; readonly id: number }
  /** @property code of the operating system's error, as EADDRINUSE. */
  | { readonly kind: 'failed'; readonly id: number; readonly code: string }
  /** Accept no more and end when the connections have: a successor serves. */
  | { readonly kind: 'retire'; readonly deadlineMs: number }
  /** Accept what waits, no more, and end. */
  | { readonly kind: 'stop' }
  /** End at once. */
  | { readonly kind: 'cut' }
  /** Open the access log anew, and, if it serves, read everything again. */
  | { readonly kind: 'reload' };
