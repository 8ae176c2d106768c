// What the main thread and its workers say to each other. Everything else they share lies in shared memory.

import type { Address, Snapshot } from '@limpet/model';
import type { CapacityBound, CapacityLimits } from '../listener/connection-capacity.ts';
import type { RingTexts } from '../session-ticket/ring-texts.ts';
import type { SlotNumbers } from './slot-numbers.ts';
import type { SnapshotChange } from './snapshot-change.ts';

export interface ConfigVersion {
  readonly version: number;
  readonly snapshot: Snapshot;
  /** Private keys (PEM) by hash. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly rings: RingTexts;
  readonly slots: SlotNumbers;
}

/** A configuration as it is sent to a worker that serves a version already: without the parts that it has. */
export interface ConfigUpdate extends Omit<ConfigVersion, 'snapshot'> {
  /** The version that the worker serves; 0: none. */
  readonly since: number;
  readonly change: SnapshotChange;
}

/**
 * A configuration takes two steps, so that either all workers have it or none: `prepare` builds the new runtime beside the old one and opens
 * new listeners; `commit` swaps.
 */
export type MainToWorker =
  | {
      readonly kind: 'prepare';
      readonly config: ConfigUpdate;
      /** Of the sockets that a supervisor keeps, by address key, for the listeners that the worker does not have yet; they are its own from now on. */
      readonly descriptors: ReadonlyMap<string, number>;
    }
  | { readonly kind: 'commit'; readonly version: number }
  | { readonly kind: 'discard'; readonly version: number }
  /** Rings that are others now, the other virtual services keep theirs; `destroyed`: of these the former keys are wiped at once. */
  | {
      readonly kind: 'rings';
      readonly id: number;
      readonly rings: RingTexts;
      readonly destroyed: ReadonlySet<string>;
    }
  | { readonly kind: 'leave-server'; readonly slot: number }
  | { readonly kind: 'reopen-log' }
  /** May be sent again: the last one counts. */
  | { readonly kind: 'drain'; readonly drain: Drain }
  /** Ends a drain now. */
  | { readonly kind: 'cut' };

/** How connections are brought to an end. */
export interface Drain {
  readonly deadlineMs: number;
  /** True: idle connections stay until their next response, or until they have been idle too long: the client never meets one that closes as it asks. */
  readonly keepIdle: boolean;
}

export type WorkerToMain =
  | { readonly kind: 'started' }
  /**
   * From now on these descriptors are used or closed by the thread. Until it says so, and once it has said that it holds them, the main thread closes
   * them where it ends: as mere numbers nobody else would.
   */
  | { readonly kind: 'took'; readonly descriptors: readonly number[] }
  | { readonly kind: 'holds'; readonly descriptors: readonly number[] }
  | { readonly kind: 'prepared'; readonly version: number }
  | { readonly kind: 'refused'; readonly version: number; readonly reason: string }
  | {
      readonly kind: 'committed';
      readonly version: number;
      /** The version that is in effect there now. */
      readonly serving: number;
      /** Keys of the addresses on which it accepts now. */
      readonly listening: readonly string[];
      /** Why it does not accept on others; the rest is in effect. */
      readonly failures: readonly string[];
    }
  /** It seals by them. */
  | { readonly kind: 'rings-applied'; readonly id: number; readonly reason?: string }
  | { readonly kind: 'drained'; readonly left: number }
  /** As many connections or streams are open as may be; one more was refused. */
  | { readonly kind: 'full'; readonly boundBy: CapacityBound }
  /** There is room again. */
  | { readonly kind: 'room'; readonly refused: number }
  /** File descriptors are short, or are not any more. */
  | { readonly kind: 'descriptors'; readonly short: boolean; readonly detail: string }
  | { readonly kind: 'exception'; readonly message: string; readonly stack: string };

/** What a worker thread is started with. */
export interface WorkerStart {
  readonly worker: number;
  readonly workers: number;
  readonly engineId: string;
  readonly serverTable: SharedArrayBuffer;
  readonly queueTable: SharedArrayBuffer;
  readonly capacity: SharedArrayBuffer;
  readonly capacityLimits: CapacityLimits;
  readonly workerHeapMb: number;
  readonly metricsTable: SharedArrayBuffer;
  readonly crowdCounter: SharedArrayBuffer;
  readonly ticketTrail: SharedArrayBuffer;
  readonly serverSlots: number;
  readonly accessLog: string;
  /** How many file descriptors the process may have, where that is known. */
  readonly descriptorLimit: number | undefined;
}

/** The key of a listener. */
export function addressKey({ ip, port }: Address): string {
  return `${ip}|${port}`;
}
