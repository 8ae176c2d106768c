// idle-connection: the memory of one more TLS connection that has had one request and is now silent.

import { setTimeout as delay } from 'node:timers/promises';
import { type Memory, memoryKb } from '../measure/memory.ts';
import { median } from '../measure/statistics.ts';
import type { Subject } from '../subjects/subject.ts';
import { compare } from './alternating-rounds.ts';
import type { Bench, Measurement, Operation } from './operation.ts';

export const idleConnection: Operation = {
  name: 'idle-connection',
  title: 'memory of an idle connection after one request',
  unit: 'kB',
  measure: measureIdle,
};

async function measureIdle(bench: Bench): Promise<readonly Measurement[]> {
  const series = bench.subjects.map(({ subject }) => ({ subject, rounds: [] as Memory[] }));
  for (let round = 0; round < bench.plan.idle.rounds; round++) {
    for (const { subject, rounds } of series) rounds.push(await perConnection(bench, subject));
  }
  const reference = series.find(({ subject }) => subject.name === 'haproxy');
  const rss = (rounds: readonly Memory[]): readonly number[] => rounds.map((memory) => memory.rssKb);
  return series.map(({ subject, rounds }): Measurement => {
    const comparison =
      reference === undefined ? undefined : compare(rss(rounds), rss(reference.rounds), bench);
    return {
      operation: 'idle-connection',
      subject: subject.name,
      values: rss(rounds),
      operations: bench.plan.idle.added * rounds.length,
      pssKb: median(rounds.map((memory) => memory.pssKb)),
      ...(comparison === undefined ? {} : { comparison }),
    };
  });
}

/**
 * A process of its own, since one that has worked before has freed memory to fill first. The first reading is taken
 * with connections already open, so that what a program allocates once is in both readings.
 */
async function perConnection({ bed, plan }: Bench, subject: Subject): Promise<Memory> {
  const { openBefore, added, settleMs } = plan.idle;
  const instance = await subject.startInstance();
  const hold = async (connections: number): Promise<Memory> => {
    await bed.client.run({ kind: 'hold', port: instance.port, connections });
    await delay(settleMs);
    return memoryKb([instance.pid]);
  };
  try {
    const before = await hold(openBefore);
    const after = await hold(added);
    return { rssKb: (after.rssKb - before.rssKb) / added, pssKb: (after.pssKb - before.pssKb) / added };
  } finally {
    await bed.client.run({ kind: 'release' });
    await instance.stop();
  }
}
