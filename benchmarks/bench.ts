// npm run bench: the product, HAProxy and nginx side by side in one run.

import { writeFileSync } from 'node:fs';
import { ensureDebianPackages } from '../scripts/install-debian-packages.ts';
import { startTestBed, type TestBed } from './bed/test-bed.ts';
import type { Negotiated } from './load/load-command.ts';
import { seededRandom } from './measure/statistics.ts';
import type { Bench, RunningSubject } from './operations/operation.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { type ResultRow, resultRow } from './report/result-row.ts';
import { conditions, type Run, resultsPage } from './report/results-page.ts';
import { resultTable } from './report/table.ts';
import { haproxySubject } from './subjects/haproxy.ts';
import { limpetSubject } from './subjects/limpet.ts';
import { nginxSubject } from './subjects/nginx.ts';
import { sameNegotiation } from './subjects/same-negotiation.ts';
import type { Subject, SubjectName } from './subjects/subject.ts';

const makeSubject: Record<SubjectName, (bed: TestBed) => Subject> = {
  limpet: (bed) => limpetSubject(bed),
  haproxy: haproxySubject,
  nginx: nginxSubject,
};
const packageOf: Partial<Record<SubjectName, string>> = { haproxy: 'haproxy', nginx: 'nginx-light' };
const SEED = 20_260_101;

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The chosen subjects whose programs this machine has, or could be given. */
async function available(chosen: readonly SubjectName[]): Promise<readonly SubjectName[]> {
  const packages = chosen.flatMap((name) => packageOf[name] ?? []);
  const { missing } = await ensureDebianPackages(packages);
  for (const name of missing)
    progress(`Left out: the Debian package ${name} is missing (apt-get install ${name})`);
  return chosen.filter((name) => !missing.includes(packageOf[name] ?? ''));
}

async function startSubjects(
  bed: TestBed,
  names: readonly SubjectName[],
): Promise<readonly RunningSubject[]> {
  const running: RunningSubject[] = [];
  for (const name of names) {
    const subject = makeSubject[name](bed);
    running.push({ subject, instances: [await subject.startInstance(), await subject.startInstance()] });
  }
  return running;
}

async function measure(bed: TestBed, options: Options): Promise<Run> {
  const subjects = await startSubjects(bed, await available(options.subjects));
  const negotiated: readonly Negotiated[] = await sameNegotiation(bed.client, subjects);
  const described = {
    placement: bed.placement,
    subjects: subjects.map(({ subject }) => subject),
    negotiated,
  };
  for (const line of conditions(described)) console.log(line);

  const bench: Bench = { bed, plan: options.plan, subjects, random: seededRandom(SEED), report: progress };
  const rows: ResultRow[] = [];
  const failures: string[] = [];
  for (const operation of options.operations) {
    if (operation.name === 'persistence-on-off' && !options.subjects.includes('limpet')) continue;
    progress(`${operation.name}: ${operation.title}`);
    try {
      const measurements = await operation.measure(bench);
      rows.push(...measurements.map((measurement) => resultRow(operation, measurement)));
    } catch (error) {
      if (bed.processes.stopped) break;
      // What has been measured is not lost because one operation failed; the exit code tells.
      failures.push(`${operation.name}: ${error instanceof Error ? error.message : String(error)}`);
      progress(failures.at(-1)!);
    }
  }
  return {
    date: new Date(),
    plan: options.plan,
    ...described,
    operations: options.operations,
    rows,
    failures,
  };
}

async function main(options: Options): Promise<void> {
  const bed = await startTestBed();
  const stopOn = (signal: NodeJS.Signals, code: number): void => {
    process.once(signal, () => {
      progress(`${signal}: stopping`);
      void bed.stop().finally(() => process.exit(code));
    });
  };
  stopOn('SIGINT', 130);
  stopOn('SIGTERM', 143);
  try {
    const run = await measure(bed, options);
    if (bed.processes.stopped) return;
    console.log(`\n${resultTable(run.rows)}`);
    if (options.jsonPath !== undefined)
      writeFileSync(options.jsonPath, `${JSON.stringify(run.rows, undefined, 2)}\n`);
    if (options.markdownPath !== undefined) writeFileSync(options.markdownPath, resultsPage(run));
    if (run.failures.length > 0) process.exitCode = 1;
  } finally {
    await bed.stop();
  }
}

let options: Options | undefined;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exit(2);
}
if (options === undefined) console.log(USAGE);
else await main(options);
