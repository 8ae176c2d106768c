// The placement as it is kept: a record in the vault for each virtual service, so that a Controller that starts again moves nothing.

import type { VaultEdit, VaultRecord } from '../store/object-store.ts';
import type { Placement } from './placement.ts';

const KIND = 'placement';

export interface KeptPlacement {
  readonly placement: Placement;
  /** How many engines were asked for, by the uuid of the virtual service. */
  readonly wanted: ReadonlyMap<string, number>;
}

export function readPlacement(vault: readonly VaultRecord[]): KeptPlacement {
  const placement = new Map<string, readonly string[]>();
  const wanted = new Map<string, number>();
  for (const { kind, id, value } of vault) {
    if (kind !== KIND) continue;
    const { engines, wanted: count } = value;
    if (Array.isArray(engines))
      placement.set(
        id,
        engines.filter((one) => typeof one === 'string'),
      );
    if (typeof count === 'number') wanted.set(id, count);
  }
  return { placement, wanted };
}

/** What is to be written where one takes the place of the other. */
export function placementEdits(before: KeptPlacement, after: KeptPlacement): readonly VaultEdit[] {
  const puts = [...after.placement].flatMap(([id, engines]): VaultEdit[] => {
    const wanted = after.wanted.get(id);
    const isSame = isEqual(before.placement.get(id), engines) && before.wanted.get(id) === wanted;
    if (isSame) return [];
    const value = { engines, ...(wanted === undefined ? {} : { wanted }) };
    return [{ kind: 'put', record: { kind: KIND, id, value } }];
  });
  const deletes = [...before.placement.keys()]
    .filter((id) => !after.placement.has(id))
    .map((id): VaultEdit => ({ kind: 'delete', recordKind: KIND, id }));
  return [...puts, ...deletes];
}

function isEqual(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a?.length === b.length && b.every((one, index) => a[index] === one);
}
