// What is between two snapshots: the parts that are other ones or gone; how it is found, and how the one is made of the other.

import { contentHash, deepFreeze } from '../canonical-json.ts';
import { snapshotHash } from '../compile/compile-objects.ts';
import { LimpetError } from '../errors.ts';
import type { PoolSnapshot, Snapshot, VirtualServiceSnapshot } from '../snapshot.ts';

export interface ChangedParts<T> {
  readonly put: readonly T[];
  /** By uuid. */
  readonly gone: readonly string[];
}

export interface SnapshotChanges {
  /** Hash of the snapshot that they change. */
  readonly base: string;
  /** Hash of what comes of it. */
  readonly hash: string;
  readonly virtualServices: ChangedParts<VirtualServiceSnapshot>;
  readonly pools: ChangedParts<PoolSnapshot>;
}

/** Parts that are the same object in both are not looked into: where one server of ten thousand changes, the compiler makes one pool anew. */
export function snapshotChanges(base: Snapshot, snapshot: Snapshot): SnapshotChanges {
  return {
    base: base.hash,
    hash: snapshot.hash,
    virtualServices: changedParts(base.virtualServices, snapshot.virtualServices),
    pools: changedParts(base.pools, snapshot.pools),
  };
}

/**
 * @throws LimpetError LINK_BASE_UNKNOWN when they are for another base, or when what comes of them is not what was meant; then the whole is
 * asked for.
 */
export function applySnapshotChanges(base: Snapshot | undefined, changes: SnapshotChanges): Snapshot {
  if (base?.hash !== changes.base) throw new LimpetError('LINK_BASE_UNKNOWN');
  const content = {
    virtualServices: changed(base.virtualServices, changes.virtualServices),
    pools: changed(base.pools, changes.pools),
  };
  return checkedSnapshot({ hash: changes.hash, ...content });
}

/**
 * A snapshot that came over the link, frozen.
 *
 * @param base what is in effect: parts of the same content are its very objects, so that nobody takes them for changed.
 * @throws LimpetError LINK_BASE_UNKNOWN where its parts do not have its hash.
 */
export function checkedSnapshot(snapshot: Snapshot, base?: Snapshot): Snapshot {
  const { hash, virtualServices, pools } = snapshot;
  deepFreeze(snapshot);
  if (snapshotHash({ virtualServices, pools }) !== hash) throw new LimpetError('LINK_BASE_UNKNOWN');
  if (base === undefined) return snapshot;
  return deepFreeze({
    hash,
    virtualServices: withKnownParts(base.virtualServices, virtualServices),
    pools: withKnownParts(base.pools, pools),
  });
}

/** Hashes of the private keys that a snapshot names. */
export function secretHashes({ virtualServices, pools }: Snapshot): ReadonlySet<string> {
  const hashes = new Set<string>();
  for (const part of [...virtualServices, ...pools])
    for (const hash of secretHashesOf(part)) hashes.add(hash);
  return hashes;
}

/** By part, all of which are frozen: of a thousand one change makes one anew. */
const hashesOfParts = new WeakMap<object, readonly string[]>();

function secretHashesOf(part: VirtualServiceSnapshot | PoolSnapshot): readonly string[] {
  const known = hashesOfParts.get(part);
  if (known !== undefined) return known;
  const hashes: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, field] of Object.entries(value)) {
      if (name === 'keyHash' && typeof field === 'string') hashes.push(field);
      else visit(field);
    }
  };
  visit(part.tls);
  if ('healthMonitors' in part) visit(part.healthMonitors);
  hashesOfParts.set(part, hashes);
  return hashes;
}

interface Part {
  readonly uuid: string;
}

function changedParts<T extends Part>(base: readonly T[], parts: readonly T[]): ChangedParts<T> {
  const before = new Map(base.map((one) => [one.uuid, one]));
  const put: T[] = [];
  for (const one of parts) {
    const former = before.get(one.uuid);
    before.delete(one.uuid);
    if (former !== one && (former === undefined || contentHash(former) !== contentHash(one))) put.push(one);
  }
  return { put, gone: [...before.keys()] };
}

function withKnownParts<T extends Part>(base: readonly T[], parts: readonly T[]): readonly T[] {
  const known = new Map(base.map((one) => [one.uuid, one]));
  return parts.map((one) => {
    const former = known.get(one.uuid);
    return former !== undefined && contentHash(former) === contentHash(one) ? former : one;
  });
}

function changed<T extends Part>(base: readonly T[], { put, gone }: ChangedParts<T>): readonly T[] {
  const parts = new Map(base.map((one) => [one.uuid, one]));
  for (const uuid of gone) parts.delete(uuid);
  for (const one of put) parts.set(one.uuid, one);
  // The order of the compiler.
  return [...parts.values()].sort((a, b) => (a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0));
}
