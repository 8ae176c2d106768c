// The picker: how a load-balancing algorithm chooses one of the servers of a pool.

/** What {@link Picker.pick} returns when no server is eligible. */
export const NO_SERVER = -1;

/** The live state that a choice is made by, read at each pick. */
export interface PickState {
  /** Whether the server may be chosen: health, limits and what was tried before are not the algorithm's business. */
  eligible(index: number): boolean;
  /** Connections or requests of the server now, over all workers. */
  load(index: number): number;
  /** The part of its ratio that the server has now, above 0 and at most 1: less than 1 while it ramps up or fails often. */
  share(index: number): number;
  /** How long the server takes to answer, in ms; 0 where it is not known. */
  responseMs(index: number): number;
  /** 16 bits of what the operator hashes clients by, the same on every engine; 0 where nothing is hashed. */
  readonly key: number;
}

/**
 * Made once for the servers of a pool and then frozen. A pick is synchronous, never throws, and looks at each server a bounded number of times.
 *
 * A server whose share is less than 1 gets no more of the picks than its ratio times its share is of all, however empty or fast it is; and all of them
 * where there is no other.
 */
export interface Picker {
  /** Index of the chosen server, or {@link NO_SERVER}. */
  pick(state: PickState): number;
  /** The load of a server as this algorithm counts it: what "too much" is measured by for clients that are drawn to it. */
  loadOf(index: number, state: PickState): number;
  /** Tells of a connection that went to the server by another rule than {@link pick}. */
  note(index: number): void;
  /** The key of the state decides: clients that agree in it meet at one server without another rule. */
  readonly byKey: boolean;
}
