// The response time of a server, smoothed, in shared memory: every worker adds what it measures and reads what all have measured.

import type { PoolRuntime } from './pool-runtime.ts';
import type { ServerRuntime } from './server-runtime.ts';
import type { ServerTable } from './server-table.ts';

/** What was measured this long ago counts for a third. */
export const RESPONSE_MEMORY_MS = 10_000;
/** What a failure counts as at least: a server that fails fast is not a fast one. */
const FAILURE_RESPONSE_MS = 1000;

const MS_MAX = 2_000_000;

/**
 * Peak-sensitive: a slower answer counts at once and in full, faster ones little by little. Two workers that write at the same moment lose one of the
 * measurements, which the next one makes good.
 */
export function observeResponse(table: ServerTable, slot: number, responseMs: number, nowMs: number): void {
  const former = table.responseUs(slot) / 1000;
  const measured = Math.min(responseMs, MS_MAX);
  const kept = former === 0 || measured > former ? 0 : memoryAfter(table.responseAgeMs(slot, nowMs));
  table.setResponse(slot, Math.max(1, (former * kept + measured * (1 - kept)) * 1000), nowMs);
}

/** In ms; 0 where nothing is known. Fades while nothing is measured, so that a server that was slow is asked again. */
export function responseMsOf(table: ServerTable, slot: number, nowMs: number): number {
  const us = table.responseUs(slot);
  return us === 0 ? 0 : (us / 1000) * memoryAfter(table.responseAgeMs(slot, nowMs));
}

function memoryAfter(ageMs: number): number {
  return Math.exp(-ageMs / RESPONSE_MEMORY_MS);
}

/** After each answer of a server, and each failure: what fastest response goes by. Costs nothing for other algorithms. */
export function noteResponse(
  pool: PoolRuntime,
  server: ServerRuntime,
  responseMs: number,
  failed: boolean,
): void {
  if (pool.snapshot.algorithm !== 'fastest-response') return;
  const counted = failed ? Math.max(responseMs, FAILURE_RESPONSE_MS) : responseMs;
  observeResponse(server.table, server.slot, counted, pool.clock.monotonicMs());
}
