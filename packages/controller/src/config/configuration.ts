// The interface of the configuration flow: one function through which everything that changes an object goes.

import type { ConfigProblem } from '@limpet/model';
import type { Actor, HistoryEntry, HistoryQuery } from '../store/object-store.ts';
import type { ControllerObject, ObjectView } from './object-view.ts';

export type ObjectEdit =
  /** lastModifiedUs is the flow's to set. */
  | { readonly kind: 'put'; readonly object: Omit<ControllerObject, 'lastModifiedUs'> }
  | { readonly kind: 'delete'; readonly type: string; readonly uuid: string };

export interface Change {
  readonly actor: Actor;
  /** As `POST /api/pool`. */
  readonly summary: string;
  /** Everything but store and publish. */
  readonly dryRun?: boolean;
  /**
   * Called when it is the change's turn, with the state that it changes: so that what it has looked at (a name that is free, the
   * `_last_modified` that a client sent) is still true when it is stored. Throws to refuse.
   */
  edit(view: ObjectView): readonly ObjectEdit[];
}

export interface ChangedObject {
  readonly before?: ControllerObject;
  readonly after?: ControllerObject;
}

export interface ChangeOutcome {
  readonly view: ObjectView;
  readonly changed: readonly ChangedObject[];
  /** What is stored and has no effect here, what will expire: no reason to refuse. */
  readonly notices: readonly ConfigProblem[];
  /** Engines whose snapshot is another one now. */
  readonly engines: readonly { readonly uuid: string; readonly name: string; readonly hash: string }[];
}

/** validate → store → compile → publish; one change at a time, in the order of the calls. */
export interface Configuration {
  /** At the newest revision. */
  readonly view: ObjectView;
  /** @throws LimpetError CONFIG_INVALID with every problem, or whatever `edit` throws; then nothing is stored and no engine hears of it. */
  change(change: Change): Promise<ChangeOutcome>;
  history(query: HistoryQuery): Promise<readonly HistoryEntry[]>;
  viewAt(revision: number): Promise<ObjectView>;
  /** The objects as they were, as a new revision. Users, tokens and engines stay as they are. */
  rollBack(revision: number, actor: Actor, dryRun?: boolean): Promise<ChangeOutcome>;
}
