// The placement of a connection: which server it belongs to, and why.

import type { ServerRuntime } from './server-runtime.ts';

/** Where a connection belongs. */
export interface Placement {
  /** Undefined: nowhere yet; each request is balanced, or waits for a server to be there again. */
  readonly server: ServerRuntime | undefined;
  /** Whether all requests of the connection go to one server. */
  readonly bound: boolean;
  /** For records: `persistence`, `affinity`, `algorithm`, `replacement: server down`, … */
  readonly why: string;
  readonly affinityKey: number;
  /** Whether the client is where its ticket says. */
  readonly persistenceUsed: boolean;
}

/** Before a server was chosen. */
export const unplaced: Placement = Object.freeze({
  server: undefined,
  bound: false,
  why: '',
  affinityKey: 0,
  persistenceUsed: false,
});
