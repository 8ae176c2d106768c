// The command line of the benchmark.

import { parseArgs } from 'node:util';
import { operations } from './operations/all-operations.ts';
import type { Operation } from './operations/operation.ts';
import { fullPlan, type Plan, quickPlan } from './plan.ts';
import { SUBJECT_NAMES, type SubjectName } from './subjects/subject.ts';

export const USAGE = `npm run bench -- [options]

  --quick           a short run, within five minutes
  --json FILE       write the result rows as JSON
  --markdown FILE   write a results page
  --only LIST       operations, by comma: ${operations.map(({ name }) => name).join(', ')}
  --subjects LIST   subjects, by comma: ${SUBJECT_NAMES.join(', ')}
  --help            this text`;

export interface Options {
  readonly plan: Plan;
  readonly operations: readonly Operation[];
  readonly subjects: readonly SubjectName[];
  readonly jsonPath: string | undefined;
  readonly markdownPath: string | undefined;
}

/** @throws Error that names what is wrong on the command line. @returns undefined where help was asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      markdown: { type: 'string' },
      only: { type: 'string' },
      subjects: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const names = chosen(
    'operation',
    values.only,
    operations.map(({ name }) => name),
  );
  return {
    plan: values.quick ? quickPlan : fullPlan,
    operations: operations.filter(({ name }) => names.includes(name)),
    subjects: chosen('subject', values.subjects, SUBJECT_NAMES),
    jsonPath: values.json,
    markdownPath: values.markdown,
  };
}

function chosen<T extends string>(what: string, list: string | undefined, all: readonly T[]): readonly T[] {
  if (list === undefined) return all;
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !all.includes(name as T));
  if (unknown !== undefined)
    throw new Error(`no ${what} is called '${unknown}'; there are: ${all.join(', ')}`);
  return all.filter((name) => names.includes(name));
}
