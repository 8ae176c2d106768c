// The placement of a connection or request: which server it belongs to, and why.

import type { ServerRuntime } from './server-runtime.ts';

/** Where a connection belongs; with HTTP cookies, where a request does. */
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
  /** No entry names the server yet: another will do, whatever the profile says about persistent ones. */
  readonly mayMove?: boolean;
}

/** Before a server was chosen. */
export const unplaced: Placement = Object.freeze({
  server: undefined,
  bound: false,
  why: '',
  affinityKey: 0,
  persistenceUsed: false,
});
