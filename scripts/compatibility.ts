// `npm run compatibility`: runs the compatibility matrix and writes its table into docs/compatibility.md.

import { writeFileSync } from 'node:fs';
import { clients } from '../test/compatibility/clients.ts';
import { runCell, startMatrixBed } from '../test/compatibility/matrix.ts';
import { pageFile, pageWith, type Row, rowCells } from '../test/compatibility/page.ts';
import { ensureDebianPackages } from './install-debian-packages.ts';
import { testPackages } from './test-packages.ts';

const RECONNECTS = 100;

const { missing, command } = ensureDebianPackages(testPackages);
if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}; as root: ${command}`);

const [bed13, bed12] = await Promise.all([startMatrixBed('TLSv1.3'), startMatrixBed('TLSv1.2')]);
try {
  const rows: Row[] = [];
  for (const client of clients) {
    const [tls13, tls12] = await Promise.all([
      runCell(bed13, client, 'TLSv1.3', RECONNECTS),
      runCell(bed12, client, 'TLSv1.2', RECONNECTS),
    ]);
    const row = { client, program: await client.program(), tls13, tls12 };
    rows.push(row);
    process.stdout.write(`${rowCells(row).join(' | ')}\n`);
  }
  writeFileSync(pageFile, pageWith(rows));
} finally {
  await Promise.all([bed13.stop(), bed12.stop()]);
}
