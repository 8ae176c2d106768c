// Where configurations come from: what a source delivers, how it says that there is news, and how it is told what became of a delivery.

import type { CompiledConfig, ConfigProblem } from '@limpet/model';
import type { RingTexts } from '../session-ticket/ring-texts.ts';

/** A whole configuration that is valid in itself. Whether this engine can have it (addresses, rows, OpenSSL) is seen when it is applied. */
export interface Delivery {
  readonly compiled: CompiledConfig;
  /** What an operator should know of it, and what is no reason to refuse it. */
  readonly notices: readonly ConfigProblem[];
  /** Ticket keys; absent: the engine makes a ring of its own. */
  readonly rings: RingTexts | undefined;
  /** Virtual services whose former keys may be known to somebody: they are wiped at once. */
  readonly destroyed?: ReadonlySet<string>;
  /** Called once, when it is known what became of it: for whoever waits behind the source. Never throws. */
  settle(outcome: Outcome): void;
}

export type Outcome =
  /** In effect, or it was already, with its ticket keys on every worker (R4). The version is the engine's own count. */
  | { readonly kind: 'applied'; readonly version: number }
  /** In effect, but not on every worker or every address. Taken and applied again it may become whole. */
  | { readonly kind: 'incomplete'; readonly version: number; readonly reasons: readonly string[] }
  /** Nothing has changed. */
  | { readonly kind: 'refused'; readonly error: unknown };

/**
 * A source is asked, whoever was first to speak: the engine takes what shall be in effect when it starts, on SIGHUP, and after the source has said
 * that there is news. So a burst of news is one configuration, the newest, and nothing queues up behind one that takes long.
 */
export interface ConfigurationSource {
  /** @param onNews called when there may be something newer than what was taken last. */
  start(onNews: () => void): void;
  /**
   * What shall be in effect now; waits for the first that there is. One call at a time.
   *
   * @throws LimpetError with everything that is wrong where there is none to be had.
   */
  take(): Promise<Delivery>;
  /** No more news. A call of `take` that waits need not end: an engine that stops waits no longer, either. */
  stop(): void;
}
