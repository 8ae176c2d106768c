// The options of an engine process: what the command line says, as opposed to the configuration.

import type { Address } from '@limpet/model';
import type { AddressMapping } from '../snapshot/bound-ports.ts';

export interface ControllerOptions {
  /** Of its API. */
  readonly url: string;
  /** Needed at the first start. */
  readonly token: string | undefined;
  /** Where identity and cache lie. */
  readonly stateFolder: string;
  /** What the cache is sealed under; absent: a key in the state folder. */
  readonly cacheKey: Buffer | undefined;
  /** What the engine says of its version. */
  readonly engineVersion: string;
}

export interface EngineOptions {
  readonly engineName: string;
  /** Absent: configurations come from a Controller. */
  readonly configFile: string | undefined;
  readonly controller: ControllerOptions | undefined;
  /** Absent: a ring that lives and dies with this process. */
  readonly ticketKeysFile: string | undefined;
  /** Memory that the engine may use; absent: what fits the machine. */
  readonly memoryLimitBytes: number | undefined;
  /** Where this engine listens in place of configured addresses. */
  readonly listenMap: readonly AddressMapping[];
  /** Worker threads. */
  readonly workers: number;
  /** Absent: no admin server. */
  readonly admin: Address | undefined;
  /** `off`, `-`, or a path. */
  readonly accessLog: string;
  /** How long connections may go on after SIGTERM. */
  readonly drainTimeoutMs: number;
  /** Over how many engines a virtual service is spread: connection limits are divided by it. */
  readonly enginesPerVirtualService: number;
  /** Started by a supervisor, which keeps the listening sockets. */
  readonly supervised: boolean;
  /** Drain and end when standard input ends. */
  readonly stopWithStandardInput: boolean;
}
