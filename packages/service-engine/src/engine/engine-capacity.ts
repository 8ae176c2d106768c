// How many connections an engine may hold: its options, its machine and its process put together.

import { existsSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { LimpetError } from '@limpet/model';
import {
  type CapacityPlan,
  defaultMemoryBytes,
  parseDescriptorLimit,
  planCapacity,
} from '../listener/capacity-plan.ts';
import type { EngineOptions } from './engine-options.ts';

const PROCESS_LIMITS = '/proc/self/limits';
/** Where the system does not tell: what POSIX systems have given for long. */
const DESCRIPTORS_UNKNOWN = 1024;

export interface EngineCapacity extends CapacityPlan {
  readonly memoryBytes: number;
}

/**
 * @param constrainedBytes what the container of this process allows it.
 * @throws LimpetError where not one connection fits.
 */
export function planEngineCapacity(
  { memoryLimitBytes, workers }: EngineOptions,
  constrainedBytes: number,
): EngineCapacity {
  const memoryBytes = memoryLimitBytes ?? defaultMemoryBytes(totalmem(), constrainedBytes);
  // Node raises the soft limit to the hard one as it starts.
  const limits = existsSync(PROCESS_LIMITS) ? readFileSync(PROCESS_LIMITS, 'latin1') : '';
  const descriptors = parseDescriptorLimit(limits) ?? DESCRIPTORS_UNKNOWN;
  const plan = planCapacity({ memoryBytes, descriptors, workers });
  if (plan.connections > 0) return { ...plan, memoryBytes };
  const mebibytes = Math.floor(memoryBytes / 2 ** 20);
  throw new LimpetError(
    'MEMORY_TOO_SMALL',
    `${workers} workers, ${plan.boundBy === 'memory' ? `${mebibytes} MiB` : `${descriptors} descriptors`}`,
  );
}
