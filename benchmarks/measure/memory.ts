// The memory that a balancer holds: resident and proportional set size of all processes of its tree.

import { readFileSync } from 'node:fs';
import { processTree } from './process-tree.ts';

export interface Memory {
  /** Resident set size: every page in memory, shared ones counted in each process. */
  readonly rssKb: number;
  /** Proportional set size: a page that n processes share counts 1/n in each. 0 where the kernel does not tell. */
  readonly pssKb: number;
}

export function memoryKb(pids: readonly number[]): Memory {
  let rssKb = 0;
  let pssKb = 0;
  for (const root of pids) {
    for (const pid of processTree(root)) {
      rssKb += field(`/proc/${pid}/status`, 'VmRSS');
      pssKb += field(`/proc/${pid}/smaps_rollup`, 'Pss');
    }
  }
  return { rssKb, pssKb };
}

function field(path: string, name: string): number {
  try {
    const line = readFileSync(path, 'latin1').match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'));
    return Number(line?.[1] ?? 0);
  } catch {
    return 0;
  }
}
