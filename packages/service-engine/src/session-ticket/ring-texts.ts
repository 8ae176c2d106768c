// Which ring of ticket keys each virtual service has: one for all, as a ring file gives it, or each its own, as a Controller does.

import { LimpetError, parseRingKeys, sha256Hex, wipeRingKeys } from '@limpet/model';

/** Texts as a ring file has them: secrets. */
export type RingTexts =
  | { readonly kind: 'one'; readonly text: string }
  | { readonly kind: 'each'; readonly byVirtualService: ReadonlyMap<string, string> };

/** What may be said of a ring. */
export interface RingFacts {
  readonly rotations: number;
  readonly rotatedAtS: number;
  readonly rotatePeriodS: number;
  readonly keys: number;
}

/** @throws LimpetError KEYS_INVALID where there is none. */
export function ringTextOf(rings: RingTexts, virtualServiceUuid: string): string {
  const text = rings.kind === 'one' ? rings.text : rings.byVirtualService.get(virtualServiceUuid);
  if (text === undefined)
    throw new LimpetError('KEYS_INVALID', `virtual service ${virtualServiceUuid} has no ring`);
  return text;
}

/** Those that are not as they were; undefined where all are. */
export function changedRings(former: RingTexts, rings: RingTexts): RingTexts | undefined {
  if (rings.kind === 'one') return former.kind === 'one' && former.text === rings.text ? undefined : rings;
  const before = former.kind === 'one' ? new Map<string, string>() : former.byVirtualService;
  const changed = new Map([...rings.byVirtualService].filter(([uuid, text]) => before.get(uuid) !== text));
  return changed.size === 0 ? undefined : { kind: 'each', byVirtualService: changed };
}

/** The former ones with those that have changed in their place. */
export function mergedRings(former: RingTexts, changed: RingTexts): RingTexts {
  if (former.kind === 'one' || changed.kind === 'one') return changed;
  return {
    kind: 'each',
    byVirtualService: new Map([...former.byVirtualService, ...changed.byVirtualService]),
  };
}

/** Tells a ring from another without keeping the text of either. */
export function ringDigest(text: string): string {
  return sha256Hex(text);
}

/**
 * What may be said of the rings of these virtual services.
 *
 * @param known what was found out of texts before, by text; those that are needed no more are forgotten.
 * @throws LimpetError KEYS_INVALID for one that is missing, or weak.
 */
export function describeRings(
  rings: RingTexts,
  virtualServiceUuids: readonly string[],
  known: Map<string, RingFacts>,
): ReadonlyMap<string, RingFacts> {
  const facts = new Map<string, RingFacts>();
  const byText = new Map<string, RingFacts>();
  for (const uuid of virtualServiceUuids) {
    const text = ringTextOf(rings, uuid);
    const found = byText.get(text) ?? known.get(text) ?? look(text);
    byText.set(text, found);
    facts.set(uuid, found);
  }
  if (rings.kind === 'one' && facts.size === 0) look(rings.text);
  known.clear();
  for (const [text, found] of byText) known.set(text, found);
  return facts;
}

function look(text: string): RingFacts {
  const keys = parseRingKeys(text);
  const { rotations, rotatedAtS, rotatePeriodS, previous } = keys;
  wipeRingKeys(keys);
  return Object.freeze({ rotations, rotatedAtS, rotatePeriodS, keys: 2 + previous.length });
}
