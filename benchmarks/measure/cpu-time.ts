// The CPU time that a balancer has used: user and system, all processes of its tree, all their threads.

import { readdirSync, readFileSync } from 'node:fs';
import { processTree, statFields } from './process-tree.ts';

// USER_HZ, the unit of /proc/PID/stat, is 100 on every Linux architecture that Node runs on.
const TICK_MICROS = 10_000;

/** Microseconds since the processes began. The difference of two readings is what happened between them. */
export function cpuMicros(pids: readonly number[]): number {
  let total = 0;
  for (const root of pids) {
    for (const pid of processTree(root)) total += scheduledMicros(pid) ?? tickMicros(pid);
  }
  return total;
}

/**
 * Time on a CPU by the scheduler's own account, in nanoseconds a thread. It is the sum that utime and stime of
 * /proc/PID/stat divide between them, without their grain of 10 ms, which would be 2 % of a block of half a second.
 */
function scheduledMicros(pid: number): number | undefined {
  try {
    let nanos = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1'), 10);
    }
    return nanos / 1000;
  } catch {
    // A kernel without CONFIG_SCHED_INFO, or a process that has just ended.
    return undefined;
  }
}

function tickMicros(pid: number): number {
  const fields = statFields(pid);
  if (fields === undefined) return 0;
  // Fields 14 and 15 of proc(5).
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
}
