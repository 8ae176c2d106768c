// docs/compatibility.md: the matrix as a table, written by `npm run compatibility` and held to by the test.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cell } from './matrix.ts';
import type { ReconnectingClient } from './reconnecting-client.ts';

export const pageFile = resolve(import.meta.dirname, '../../docs/compatibility.md');

const BEGIN = '<!-- The table is written by `npm run compatibility`; do not edit. -->\n';
const END = '<!-- End of the table. -->\n';

export interface Row {
  readonly client: ReconnectingClient;
  readonly program: string;
  readonly tls13: Cell;
  readonly tls12: Cell;
}

const HEAD = [
  'client',
  'version',
  'TLS 1.3: back to its server',
  'resumed',
  'TLS 1.2: back to its server',
  'resumed',
  'how',
];

export function rowCells({ client, program, tls13, tls12 }: Row): readonly string[] {
  return [client.name, program, ...cellTexts(tls13), ...cellTexts(tls12), client.how];
}

function cellTexts({ reconnects, returned, ticketsShown, resumed }: Cell): readonly string[] {
  // Then every connection is a first one, and says nothing of persistence.
  if (ticketsShown === 0) return ['shows no ticket', '–'];
  return [`${returned} of ${reconnects}`, `${resumed} of ${reconnects}`];
}

/** The page with another table in it, its columns aligned as the formatter wants them. */
export function pageWith(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(rowCells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  const [head = '', ...body] = lines.map(text);
  const rule = text(widths.map((width) => '-'.repeat(width)));
  const page = readFileSync(pageFile, 'utf8');
  const [before, rest = ''] = page.split(BEGIN);
  const [, after = ''] = rest.split(END);
  return `${before}${BEGIN}\n${head}${rule}${body.join('')}\n${END}${after}`;
}

/** The cells of a row, the version left out: that changes with every update of Debian. */
export function withoutVersion(cells: readonly string[]): readonly string[] {
  return cells.filter((_, column) => column !== 1);
}

export function rowsOfPage(): readonly (readonly string[])[] {
  const [, rest = ''] = readFileSync(pageFile, 'utf8').split(BEGIN);
  const [, , ...rows] = (rest.split(END)[0] ?? '').trim().split('\n');
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
