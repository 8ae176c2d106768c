// A row of the JSON result: one subject at one operation.

import { median, relativeSpread } from '../measure/statistics.ts';
import type { Measurement, Operation, OperationName } from '../operations/operation.ts';
import type { SubjectName } from '../subjects/subject.ts';

export interface ResultRow {
  readonly operation: OperationName;
  readonly subject: SubjectName;
  /** Median of the rounds: CPU microseconds an operation, but kilobytes a connection where `unit` says kB. */
  readonly cpuMicros: number;
  /**
   * Median of the ratios of each round to the round of `reference`, which is HAProxy, but in persistence-on-off the same
   * engine without persistence. Absent where the reference was not measured.
   */
  readonly ratioToHaproxy?: number;
  readonly reference?: 'haproxy' | 'persistence-off';
  /** 95 % bootstrap interval of the ratio. */
  readonly ci95?: readonly [number, number];
  readonly unit: 'µs' | 'kB';
  /** Half the distance between the quartiles of the rounds, as a share of their median. */
  readonly spread: number;
  readonly rounds: number;
  /** The figure of each round, in the order in which they were measured. */
  readonly values: readonly number[];
  readonly operations: number;
  readonly resumedShare?: number;
  readonly renewedShare?: number;
  readonly ownServerShare?: number;
  readonly clientsPerServer?: Readonly<Record<string, number>>;
  readonly pssKb?: number;
}

export function resultRow({ unit }: Operation, measurement: Measurement): ResultRow {
  const { operation, subject, values, comparison, operations, resumption, pssKb } = measurement;
  return {
    operation,
    subject,
    cpuMicros: rounded(median(values), 2),
    ...(comparison === undefined
      ? {}
      : {
          ratioToHaproxy: rounded(comparison.ratio, 4),
          reference: comparison.reference,
          ci95: [rounded(comparison.ci95.low, 4), rounded(comparison.ci95.high, 4)] as const,
        }),
    unit,
    spread: rounded(relativeSpread(values), 4),
    rounds: values.length,
    values: values.map((value) => rounded(value, 2)),
    operations,
    ...resumption,
    ...(pssKb === undefined ? {} : { pssKb: rounded(pssKb, 2) }),
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
