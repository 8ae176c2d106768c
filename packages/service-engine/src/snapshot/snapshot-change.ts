// A snapshot as what a worker has of it already, and the parts that it does not have.

import type { PoolSnapshot, Snapshot, VirtualServiceSnapshot } from '@limpet/model';
import { type SlotNumbers, serverSlotKey } from './slot-numbers.ts';

/** Of a part that the worker has: its uuid. */
export interface SnapshotChange {
  readonly hash: string;
  readonly virtualServices: readonly (VirtualServiceSnapshot | string)[];
  readonly pools: readonly (PoolSnapshot | string)[];
}

export const EMPTY_SNAPSHOT: Snapshot = Object.freeze({ hash: '', virtualServices: [], pools: [] });

/** @param had what the worker serves. Parts that are the same object are the same: those of a snapshot are frozen. */
export function changeFrom(had: Snapshot, next: Snapshot): SnapshotChange {
  return {
    hash: next.hash,
    virtualServices: shortened(had.virtualServices, next.virtualServices),
    pools: shortened(had.pools, next.pools),
  };
}

/** @throws where a part is missing that should be there. */
export function changed(had: Snapshot, { hash, virtualServices, pools }: SnapshotChange): Snapshot {
  return {
    hash,
    virtualServices: completed(had.virtualServices, virtualServices),
    pools: completed(had.pools, pools),
  };
}

/** The rows of the parts that a change has: those of others are where they were. */
export function slotsOf({ virtualServices, pools }: SnapshotChange, slots: SlotNumbers): SlotNumbers {
  const newPools = pools.filter((pool) => typeof pool !== 'string');
  return {
    virtualServices: picked(
      slots.virtualServices,
      virtualServices.flatMap((part) => (typeof part === 'string' ? [] : [part.uuid])),
    ),
    pools: picked(
      slots.pools,
      newPools.map(({ uuid }) => uuid),
    ),
    servers: picked(
      slots.servers,
      newPools.flatMap(({ uuid, servers }) => servers.map(({ id }) => serverSlotKey(uuid, id))),
    ),
  };
}

interface Part {
  readonly uuid: string;
}

function shortened<T extends Part>(had: readonly T[], next: readonly T[]): readonly (T | string)[] {
  const known = new Set(had);
  return next.map((part) => (known.has(part) ? part.uuid : part));
}

function completed<T extends Part>(had: readonly T[], parts: readonly (T | string)[]): readonly T[] {
  const known = new Map(had.map((part) => [part.uuid, part]));
  return parts.map((part) => {
    if (typeof part !== 'string') return part;
    const found = known.get(part);
    if (found === undefined) throw new Error(`${part} is missing in what is served`);
    return found;
  });
}

function picked(slots: ReadonlyMap<string, number>, keys: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    keys.flatMap((key) => {
      const slot = slots.get(key);
      return slot === undefined ? [] : [[key, slot] as const];
    }),
  );
}
