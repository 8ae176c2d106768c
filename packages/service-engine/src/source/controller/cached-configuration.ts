// What an engine was given last, in its state folder: read once when it starts, written after each change of it.

import { checkedSnapshot, parseRingKeys, type RingMessage, type Snapshot, wipeRingKeys } from '@limpet/model';
import type { StateFolder } from './state-folder.ts';

export interface GivenConfiguration {
  readonly revision: number;
  readonly snapshot: Snapshot;
  /** Private keys (PEM) by hash. */
  readonly secrets: ReadonlyMap<string, string>;
}

interface KeptConfiguration {
  readonly revision: number;
  readonly snapshot: Snapshot;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Undefined where there is none, or none that is whole. */
export function readConfiguration(state: StateFolder): GivenConfiguration | undefined {
  const kept = state.readSealed('configuration') as KeptConfiguration | undefined;
  if (kept === undefined) return undefined;
  try {
    const secrets = new Map(Object.entries(kept.secrets));
    return { revision: kept.revision, snapshot: checkedSnapshot(kept.snapshot), secrets };
  } catch {
    // Of another version of Limpet.
    return undefined;
  }
}

export function writeConfiguration(
  state: StateFolder,
  { revision, snapshot, secrets }: GivenConfiguration,
): void {
  state.writeSealed('configuration', { revision, snapshot, secrets: Object.fromEntries(secrets) });
}

/** By virtual service; those that are no rings are not there. */
export function readRings(state: StateFolder): Map<string, RingMessage> {
  const kept = state.readSealed('rings');
  const rings = Array.isArray(kept) ? (kept as RingMessage[]) : [];
  return new Map(rings.filter(isRing).map((ring) => [ring.virtualServiceUuid, ring]));
}

export function writeRings(state: StateFolder, rings: ReadonlyMap<string, RingMessage>): void {
  state.writeSealed('rings', [...rings.values()]);
}

export function isRing({ text }: RingMessage): boolean {
  try {
    wipeRingKeys(parseRingKeys(text));
    return true;
  } catch {
    return false;
  }
}
