// One measured block: what it costs the balancer while the client does a piece of work.

import { setTimeout as delay } from 'node:timers/promises';
import { cpuMicros } from './cpu-time.ts';

// The last connections of a block are closed after their client has counted them.
const SETTLE_MS = 60;

export interface MeasuredBlock<T> {
  readonly cpuMicros: number;
  readonly outcome: T;
}

export async function measureBlock<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<MeasuredBlock<T>> {
  const before = cpuMicros(pids);
  const outcome = await work();
  await delay(SETTLE_MS);
  return { cpuMicros: cpuMicros(pids) - before, outcome };
}
