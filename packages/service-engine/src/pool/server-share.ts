// The share of a server: which part of its ratio it has now, since it ramps up or because requests to it fail often.

import type { PoolSnapshot, ServerSnapshot } from '@limpet/model';
import type { ServerRuntime } from './server-runtime.ts';
import type { ServerHealth, ServerTable } from './server-table.ts';

/** What a server begins its ramp with: enough to warm it up, and the same for all where a whole pool comes back. */
export const RAMP_START_SHARE = 0.1;

/** Of a ramp: a tenth at first, then it grows as time does. */
export function rampShare(ageMs: number, rampMs: number): number {
  return ageMs >= rampMs ? 1 : Math.max(RAMP_START_SHARE, ageMs / rampMs);
}

/**
 * Whether a server that is found up begins a ramp. It does after it was down, when it joins a pool that serves already, and when the operator enables it again; not with the engine's
 * first configuration, where every server is as new, nor when only its monitors have changed.
 *
 * @param serving the pool as it is in effect; undefined where it is new.
 */
export function beginsRamp(
  before: ServerHealth,
  serving: PoolSnapshot | undefined,
  server: Pick<ServerSnapshot, 'id'>,
): boolean {
  if (before !== 'up' && before !== 'checking') return true;
  return serving !== undefined && serving.servers.find(({ id }) => id === server.id)?.enabled !== true;
}

/** Above 0, and at most 1. Costs two reads of shared memory while nothing is the matter with the server. */
export function shareOf({ table, slot }: ServerRuntime, rampMs: number, nowMs: number): number {
  return shareInTable(table, slot, rampMs, nowMs);
}

export function shareInTable(table: ServerTable, slot: number, rampMs: number, nowMs: number): number {
  const ageMs = table.rampAgeMs(slot, nowMs);
  const passive = table.passiveShare(slot);
  if (ageMs === undefined) return passive;
  if (ageMs < rampMs) return passive * rampShare(ageMs, rampMs);
  // Forgotten, since the clock of the table comes round in 49 days.
  table.endRamp(slot);
  return passive;
}
