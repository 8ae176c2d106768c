// The ring of one virtual service as the Controller keeps it: sealed in the vault, and what is said of it without its keys.

import { LimpetError, parseRingKeys, type RingKeys, serializeRingKeys, wipeRingKeys } from '@limpet/model';
import type { VaultEdit, VaultRecord } from '../store/object-store.ts';
import type { SecretBox } from '../store/secret-box.ts';

const RECORD_KIND = 'ticket-ring';

export interface KeptRing {
  readonly virtualServiceUuid: string;
  /** As a ring file has it. It is a secret. */
  readonly text: string;
  /** Counts up with every change of its keys. */
  readonly generation: number;
  /** Engines with a ring of an older generation than this hold keys that were destroyed. */
  readonly destroyedGeneration: number;
  readonly rotationCount: number;
  readonly rotatedAtS: number;
  readonly ticketLifetimeS: number;
  readonly rotatePeriodS: number;
  /** It has a `next` that an engine which was revoked does not know, and shall be rotated as soon as the others have it. */
  readonly isOutdated: boolean;
}

/** What is kept of a ring beside its keys. */
export type RingHistory = Pick<KeptRing, 'destroyedGeneration' | 'rotationCount' | 'isOutdated'>;

/** Wipes the keys. */
export function keepRing(virtualServiceUuid: string, keys: RingKeys, history: RingHistory): KeptRing {
  const kept = describeRing(virtualServiceUuid, keys, serializeRingKeys(keys), history);
  wipeRingKeys(keys);
  return kept;
}

/** The keys; wipe them after use. */
export function keysOf({ text }: KeptRing): RingKeys {
  return parseRingKeys(text);
}

export function putRing(ring: KeptRing, secretBox: SecretBox): VaultEdit {
  const { virtualServiceUuid: id, destroyedGeneration, rotationCount, isOutdated } = ring;
  const sealed = secretBox.seal(purposeOf(id), ring.text);
  return {
    kind: 'put',
    record: { kind: RECORD_KIND, id, value: { sealed, destroyedGeneration, rotationCount, isOutdated } },
  };
}

export function deleteRing(virtualServiceUuid: string): VaultEdit {
  return { kind: 'delete', recordKind: RECORD_KIND, id: virtualServiceUuid };
}

/** Those of a vault. @throws LimpetError SECRET_UNREADABLE, KEYS_INVALID. */
export function readRings(vault: readonly VaultRecord[], secretBox: SecretBox): readonly KeptRing[] {
  return vault
    .filter(({ kind }) => kind === RECORD_KIND)
    .map(({ id, value }) => {
      const { sealed, destroyedGeneration, rotationCount, isOutdated } = value;
      if (typeof sealed !== 'string') throw new LimpetError('KEYS_INVALID', `the ring of ${id} is not whole`);
      const text = secretBox.open(purposeOf(id), sealed);
      const keys = parseRingKeys(text);
      const kept = describeRing(id, keys, text, {
        destroyedGeneration: Number(destroyedGeneration ?? 0),
        rotationCount: Number(rotationCount ?? 0),
        isOutdated: isOutdated === true,
      });
      wipeRingKeys(keys);
      return kept;
    });
}

function describeRing(
  virtualServiceUuid: string,
  { rotations, rotatedAtS, ticketLifetimeS, rotatePeriodS }: RingKeys,
  text: string,
  history: RingHistory,
): KeptRing {
  return Object.freeze({
    virtualServiceUuid,
    text,
    generation: rotations,
    rotatedAtS,
    ticketLifetimeS,
    rotatePeriodS,
    ...history,
  });
}

function purposeOf(virtualServiceUuid: string): string {
  return `${RECORD_KIND}/${virtualServiceUuid}`;
}
