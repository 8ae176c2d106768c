// The interface of a store: what the Controller keeps beyond its own life, and the promises that every implementation gives.

import type { JsonObject } from '../json.ts';

/** An object as it is kept: a JSON document without its secrets, and those beside it, sealed. */
export interface StoredObject {
  /** Avi's name of the type: `Pool`. */
  readonly type: string;
  readonly uuid: string;
  readonly tenantUuid: string;
  /** Empty for a singleton. */
  readonly name: string;
  readonly body: JsonObject;
  /** By the path in the body, each sealed by the secret box for this object and path. */
  readonly sealed: Readonly<Record<string, string>>;
  /** Microseconds since 1970; grows with each change of the object, also where the clock does not. */
  readonly lastModifiedUs: number;
}

export type StoredEdit =
  | { readonly kind: 'put'; readonly object: StoredObject }
  | { readonly kind: 'delete'; readonly type: string; readonly uuid: string };

/** Sealed state that has no history, so that what is destroyed is gone: ticket-key rings, the Controller's CA, identities and tokens of engines. */
export interface VaultRecord {
  readonly kind: string;
  readonly id: string;
  /** JSON; whatever is secret in it is sealed. */
  readonly value: JsonObject;
}

export type VaultEdit =
  | { readonly kind: 'put'; readonly record: VaultRecord }
  | { readonly kind: 'delete'; readonly recordKind: string; readonly id: string };

export interface Actor {
  /** Name of a user, or `system`. */
  readonly user: string;
  /** Address that the request came from; absent for `system`. */
  readonly address?: string;
}

/** What is written in one transaction: all of it or nothing. */
export interface Commit {
  /** Only where this is still the newest revision. Absent where nothing but the vault is edited: a new ticket key has no quarrel with a new pool. */
  readonly expectedRevision?: number;
  readonly atUs: number;
  readonly actor: Actor;
  /** As `POST /api/pool`, for the history. */
  readonly summary: string;
  /** Where there are any, a new revision is made. */
  readonly objects: readonly StoredEdit[];
  readonly vault: readonly VaultEdit[];
}

/** One object in one revision. */
export interface HistoryEntry {
  readonly revision: number;
  readonly atUs: number;
  readonly actor: Actor;
  readonly summary: string;
  readonly type: string;
  readonly uuid: string;
  readonly name: string;
  /** Body after the change, without secrets; absent where it was deleted. */
  readonly body?: JsonObject;
}

export interface HistoryQuery {
  readonly type?: string;
  readonly uuid?: string;
  /** Entries of older revisions than this. */
  readonly beforeRevision?: number;
  readonly limit: number;
}

export interface StoredEvent {
  readonly atUs: number;
  /** As `CONFIG_UPDATE`, `SE_DOWN`. */
  readonly eventId: string;
  readonly details: JsonObject;
}

export interface StoreContents {
  /** 0 before the first commit with objects. */
  readonly revision: number;
  readonly objects: readonly StoredObject[];
  readonly vault: readonly VaultRecord[];
}

/**
 * Promises: a commit that has resolved survives kill -9 and a loss of power; a commit is whole or not there; one process has the store open
 * (a second one gets STORE_LOCKED); every method rejects with a LimpetError of the catalogue, STORE_FULL when the disk is, and the store goes
 * on when there is room again.
 */
export interface ObjectStore {
  readAll(): Promise<StoreContents>;
  /** The new revision, or the present one where no object was edited. @throws LimpetError STORE_CONFLICT, and nothing is written. */
  commit(commit: Commit): Promise<number>;
  /** Newest first, whole revisions: as many as fit into the limit, and one at least, so that the next page begins before the last of this. */
  history(query: HistoryQuery): Promise<readonly HistoryEntry[]>;
  /** All objects as they were at a revision, sealed secrets included, for compare and roll back. */
  objectsAt(revision: number): Promise<readonly StoredObject[]>;
  /** Kept up to a number of events, oldest dropped. */
  appendEvents(events: readonly StoredEvent[]): Promise<void>;
  /** Newest first; all of the time of the last, so that the next page begins before it. */
  readEvents(query: { readonly beforeUs?: number; readonly limit: number }): Promise<readonly StoredEvent[]>;
  /** Replaces every sealed text in the store, history included, in one transaction. */
  reseal(reseal: (sealed: string) => string): Promise<void>;
  close(): Promise<void>;
}
