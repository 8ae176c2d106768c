// A results page: what was measured, when, on what, with which versions.

import { cpus, release } from 'node:os';
import type { Placement } from '../bed/placement.ts';
import type { Negotiated } from '../load/load-command.ts';
import type { Operation } from '../operations/operation.ts';
import type { Plan } from '../plan.ts';
import type { Subject } from '../subjects/subject.ts';
import type { ResultRow } from './result-row.ts';
import { resultTable } from './table.ts';

export interface Run {
  readonly date: Date;
  readonly plan: Plan;
  readonly placement: Placement | undefined;
  readonly subjects: readonly Subject[];
  readonly negotiated: readonly Negotiated[];
  readonly operations: readonly Operation[];
  readonly rows: readonly ResultRow[];
  readonly failures: readonly string[];
}

/** Machine, programs and what every connection negotiated, one line each. */
export function conditions(run: Pick<Run, 'placement' | 'subjects' | 'negotiated'>): readonly string[] {
  const cores = cpus();
  return [
    `Machine: ${cores.length} cores, ${cores[0]?.model.trim() ?? 'unknown'}, Linux ${release()}`,
    run.placement === undefined
      ? 'Processes run where the scheduler puts them'
      : `Balancer on CPU ${run.placement.balancer}, client and back ends on CPU ${run.placement.others}`,
    ...run.subjects.map((subject) => `${subject.name}: ${subject.version}`),
    `Client: Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`,
    ...run.negotiated.map(
      ({ protocol, cipher, group, alpn }) => `Negotiated by all: ${protocol}, ${cipher}, ${group}, ${alpn}`,
    ),
    'Certificate of all: ECDSA P-256',
  ];
}

export function resultsPage(run: Run): string {
  const { plan } = run;
  const page = [
    `# Results of ${run.date.toISOString().slice(0, 10)}`,
    '',
    'What is measured, and how to read it: [README](../README.md).',
    '',
    ...conditions(run).map((line) => `- ${line}`),
    `- Plan: ${plan.name}, ${plan.rounds} rounds of ${plan.blockMs} ms a subject and operation`,
    '',
    resultTable(run.rows),
    '',
    ...run.operations.map(({ name, title }) => `- \`${name}\`: ${title}`),
  ];
  const memory = run.rows.filter((row) => row.pssKb !== undefined);
  if (memory.length > 0) {
    const each = memory.map((row) => `${row.subject} ${row.pssKb!.toFixed(1)} kB`);
    page.push('', `An idle connection as proportional set size: ${each.join(', ')}.`);
  }
  const spread = run.rows.find((row) => row.subject === 'limpet' && row.clientsPerServer !== undefined);
  if (spread?.clientsPerServer !== undefined) {
    const each = Object.entries(spread.clientsPerServer).map(([server, clients]) => `${server} ${clients}`);
    page.push('', `Clients of limpet by their own server: ${each.join(', ')}.`);
  }
  if (run.failures.length > 0) page.push('', 'Failed:', '', ...run.failures.map((failure) => `- ${failure}`));
  return `${page.join('\n')}\n`;
}
