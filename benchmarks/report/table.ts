// The result as a table for a person, in Markdown, which also reads well in a terminal.

import type { ResultRow } from './result-row.ts';

const COLUMNS = [
  'operation',
  'subject',
  'per operation',
  '± spread',
  'ratio',
  '95 % interval',
  'resumed',
  'new ticket',
  'own server',
];

export function resultTable(rows: readonly ResultRow[]): string {
  const cells = rows.map((row, index) => {
    const repeated = rows[index - 1]?.operation === row.operation;
    return [
      repeated ? '' : row.operation,
      row.subject,
      `${row.cpuMicros.toFixed(1)} ${row.unit}`,
      percent(row.spread),
      row.ratioToHaproxy === undefined
        ? ''
        : row.ratioToHaproxy.toFixed(row.operation === 'persistence-on-off' ? 3 : 2),
      interval(row),
      share(row.resumedShare),
      share(row.renewedShare),
      share(row.ownServerShare),
    ];
  });
  const widths = COLUMNS.map((column, index) =>
    Math.max(column.length, ...cells.map((line) => line[index]!.length)),
  );
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, index) => (index < 2 ? text.padEnd(widths[index]!) : text.padStart(widths[index]!))).join(' | ')} |`;
  const rule = `| ${widths.map((width, index) => (index < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(COLUMNS), rule, ...cells.map(line)].join('\n');
}

function interval({ ci95, rounds, subject, operation }: ResultRow): string {
  const against = subject !== 'haproxy' || operation === 'persistence-on-off';
  if (ci95 === undefined || rounds < 2 || !against) return '';
  return `${ci95[0].toFixed(3)} to ${ci95[1].toFixed(3)}`;
}

function share(value: number | undefined): string {
  return value === undefined ? '' : percent(value);
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}
