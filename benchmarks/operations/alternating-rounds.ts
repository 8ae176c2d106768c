// The way most operations are measured: the subjects take turns, block by block, and each round is a comparison.

import type { BlockReport, LoadCommand } from '../load/load-command.ts';
import { measureBlock } from '../measure/block.ts';
import { bootstrapMedian95, median, pairedRatios } from '../measure/statistics.ts';
import type { WarmUp } from '../plan.ts';
import type { Instance } from '../subjects/subject.ts';
import type {
  Bench,
  Comparison,
  Measurement,
  OperationName,
  Resumption,
  RunningSubject,
} from './operation.ts';

const WARM_UP_STEP_MS = 500;

/** The load of a block. `who` names the subject, so that clients keep their tickets for it. */
export type MakeLoad = (
  instances: readonly [Instance, Instance],
  who: string,
  durationMs: number,
) => Exclude<LoadCommand, { kind: 'probe' }>;

interface Series {
  readonly running: RunningSubject;
  readonly values: number[];
  readonly blocks: BlockReport[];
}

export async function alternatingRounds(
  bench: Bench,
  operation: OperationName,
  makeLoad: MakeLoad,
  warmUp: WarmUp,
): Promise<readonly Measurement[]> {
  const { plan, bed } = bench;
  const series = bench.subjects.map((running): Series => ({ running, values: [], blocks: [] }));
  for (const { running } of series) {
    await warm(warmUp, (durationMs) =>
      bed.client.run(makeLoad(running.instances, running.subject.name, durationMs)),
    );
  }
  for (let round = 0; round < plan.rounds; round++) {
    for (let turn = 0; turn < series.length; turn++) {
      // Each round begins with another subject: nobody always follows the same one.
      const { running, values, blocks } = series[(round + turn) % series.length]!;
      const { instances, subject } = running;
      const { cpuMicros, outcome } = await measureBlock(
        instances.map((instance) => instance.pid),
        () => bed.client.run(makeLoad(instances, subject.name, plan.blockMs)),
      );
      values.push(cpuMicros / outcome.operations);
      blocks.push(outcome);
    }
  }
  const reference = series.find(({ running }) => running.subject.name === 'haproxy');
  return series.map((one): Measurement => {
    const comparison = reference === undefined ? undefined : compare(one.values, reference.values, bench);
    const resumption = resumptionOf(one.blocks);
    return {
      operation,
      subject: one.running.subject.name,
      values: one.values,
      operations: sum(one.blocks.map((block) => block.operations)),
      ...(comparison === undefined ? {} : { comparison }),
      ...(resumption === undefined ? {} : { resumption }),
    };
  });
}

async function warm(
  { leastMs, operations, mostMs }: WarmUp,
  run: (durationMs: number) => Promise<BlockReport>,
): Promise<void> {
  let done = (await run(leastMs)).operations;
  for (let ms = leastMs; done < operations && ms < mostMs; ms += WARM_UP_STEP_MS)
    done += (await run(WARM_UP_STEP_MS)).operations;
}

export function compare(values: readonly number[], reference: readonly number[], bench: Bench): Comparison {
  const ratios = pairedRatios(values, reference);
  return { reference: 'haproxy', ratio: median(ratios), ci95: bootstrapMedian95([ratios], bench.random) };
}

function resumptionOf(blocks: readonly BlockReport[]): Resumption | undefined {
  const clientsPerServer = blocks.at(-1)?.clientsPerServer;
  if (clientsPerServer === undefined) return undefined;
  const resumed = sum(blocks.map((block) => block.resumed));
  return {
    resumedShare: resumed / sum(blocks.map((block) => block.operations)),
    renewedShare: resumed === 0 ? 0 : sum(blocks.map((block) => block.renewed)) / resumed,
    ownServerShare: resumed === 0 ? 0 : sum(blocks.map((block) => block.ownServer)) / resumed,
    clientsPerServer,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
