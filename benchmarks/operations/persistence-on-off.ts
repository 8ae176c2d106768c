// persistence-on-off: what TLS persistence costs, as the ratio of two engines that differ in it alone.

import { measureBlock } from '../measure/block.ts';
import { bootstrapMedian95, median } from '../measure/statistics.ts';
import { limpetSubject } from '../subjects/limpet.ts';
import type { Instance, Subject } from '../subjects/subject.ts';
import type { Bench, Measurement, Operation } from './operation.ts';
import { CONCURRENCY } from './tls-connections.ts';

export const persistenceOnOff: Operation = {
  name: 'persistence-on-off',
  title: 'TLS 1.3 connection with one request, resumed; persistence on against off',
  unit: 'µs',
  measure: measureOnOff,
};

interface Side {
  readonly subject: Subject;
  /** CPU of its blocks, µs a connection, over all starts. */
  readonly values: number[];
  operations: number;
}

async function measureOnOff(bench: Bench): Promise<readonly Measurement[]> {
  const { starts, pairs } = bench.plan.persistence;
  const on: Side = { subject: limpetSubject(bench.bed, { persistence: true }), values: [], operations: 0 };
  const off: Side = { subject: limpetSubject(bench.bed, { persistence: false }), values: [], operations: 0 };
  const ratios: number[][] = [];
  for (let start = 0; start < starts; start++) ratios.push(await measureStart(bench, on, off, start, pairs));
  if (on.values.length === 0) return [];
  return [
    {
      operation: 'persistence-on-off',
      subject: 'limpet',
      values: on.values,
      operations: on.operations + off.operations,
      comparison: {
        reference: 'persistence-off',
        ratio: median(ratios.flat()),
        ci95: bootstrapMedian95(ratios, bench.random),
      },
    },
  ];
}

/** Two fresh engines, many pairs of short blocks. Who is first changes with every pair, and who starts with every start. */
async function measureStart(
  bench: Bench,
  on: Side,
  off: Side,
  start: number,
  pairs: number,
): Promise<number[]> {
  const { blockMs, warmUpMs } = bench.plan.persistence;
  const order = start % 2 === 0 ? [on, off] : [off, on];
  const instances = new Map<Side, Instance>();
  try {
    for (const side of order) instances.set(side, await side.subject.startInstance());
    const run = (side: Side, durationMs: number) =>
      bench.bed.client.run({
        kind: 'resumed-connections',
        clients: `persistence ${side === on ? 'on' : 'off'}, start ${start}`,
        ports: [instances.get(side)!.port],
        version: 'TLSv1.3',
        concurrency: CONCURRENCY,
        durationMs,
      });
    for (const side of order) await run(side, warmUpMs);

    const ratios: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const perConnection = new Map<Side, number>();
      for (const side of pair % 2 === 0 ? order : order.toReversed()) {
        const block = await measureBlock([instances.get(side)!.pid], () => run(side, blockMs));
        side.operations += block.outcome.operations;
        perConnection.set(side, block.cpuMicros / block.outcome.operations);
      }
      for (const [side, value] of perConnection) side.values.push(value);
      ratios.push(perConnection.get(on)! / perConnection.get(off)!);
    }
    return ratios;
  } finally {
    for (const instance of instances.values()) await instance.stop();
  }
}
