// Where processes run: the balancer under test on a CPU of its own, client and back ends on the others.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** CPU lists as taskset(1) takes them. */
export interface Placement {
  readonly balancer: string;
  readonly others: string;
}

/**
 * The last CPU for the balancer. Left to the scheduler, balancer and client share a CPU in one block and not in the next,
 * which changes how many requests a wake-up finds, and with it the cost of each, by a third and more.
 *
 * @param allowed CPUs that this process may use, as in /proc/self/status.
 * @returns undefined where there is only one.
 */
export function placeOn(allowed: readonly number[]): Placement | undefined {
  if (allowed.length < 2) return undefined;
  return { balancer: String(allowed.at(-1)), others: allowed.slice(0, -1).join(',') };
}

/** The placement on this machine; undefined with one CPU or without taskset. */
export function machinePlacement(): Placement | undefined {
  if (spawnSync('taskset', ['--version']).error !== undefined) return undefined;
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return list === undefined ? undefined : placeOn(cpuList(list));
}

/** `0-2,5` is 0, 1, 2, 5. */
export function cpuList(text: string): readonly number[] {
  return text.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index);
  });
}
