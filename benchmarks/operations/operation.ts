// An operation of the benchmark and what measuring it yields.

import type { TestBed } from '../bed/test-bed.ts';
import type { Interval, Random } from '../measure/statistics.ts';
import type { Plan } from '../plan.ts';
import type { Instance, Subject, SubjectName } from '../subjects/subject.ts';

export type OperationName =
  | 'h1-request'
  | 'h2-request-16'
  | 'tls13-full'
  | 'tls13-resumed'
  | 'tls12-resumed'
  | 'idle-connection'
  | 'persistence-on-off';

export interface Operation {
  readonly name: OperationName;
  /** What one operation is, for a person. */
  readonly title: string;
  readonly unit: 'µs' | 'kB';
  measure(bench: Bench): Promise<readonly Measurement[]>;
}

/** A subject with the two instances that share its ticket keys, started once for the whole run. */
export interface RunningSubject {
  readonly subject: Subject;
  readonly instances: readonly [Instance, Instance];
}

export interface Bench {
  readonly bed: TestBed;
  readonly plan: Plan;
  readonly subjects: readonly RunningSubject[];
  readonly random: Random;
  readonly report: (progress: string) => void;
}

/** One subject at one operation, all rounds. */
export interface Measurement {
  readonly operation: OperationName;
  readonly subject: SubjectName;
  /** One value a round, in the unit of the operation. */
  readonly values: readonly number[];
  /** What the ratio is to; absent where that was not measured. */
  readonly comparison?: Comparison;
  /** Operations that all rounds counted. */
  readonly operations: number;
  readonly resumption?: Resumption;
  /** Proportional set size beside the resident one, kB. */
  readonly pssKb?: number;
}

export interface Comparison {
  readonly reference: 'haproxy' | 'persistence-off';
  /** Median of the ratios of the rounds. */
  readonly ratio: number;
  readonly ci95: Interval;
}

export interface Resumption {
  /** Share of connections on a resumed session. */
  readonly resumedShare: number;
  /** Share of the resumed ones that were given a new ticket. Where it is low, clients showed an old ticket again. */
  readonly renewedShare: number;
  /** Share of the resumed ones that reached the server of their client's first connection. */
  readonly ownServerShare: number;
  /** How many clients had each server for their own: one server for all would make the share above worthless. */
  readonly clientsPerServer: Readonly<Record<string, number>>;
}
