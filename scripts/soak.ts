// `npm run soak -- --minutes 30 [--seed N] [--scale N]`: engines under mixed traffic for a long time; exit code 1 if anything leaks or is lost.

import { parseArgs } from 'node:util';
import { runSoak } from '../test/soak/run-soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    scale: { type: 'string', default: '2' },
  },
});
const [minutes, seed, scale] = [values.minutes, values.seed, values.scale].map(Number) as [
  number,
  number,
  number,
];
if (!(minutes > 0) || !Number.isSafeInteger(seed) || !(Number.isSafeInteger(scale) && scale > 0)) {
  process.stderr.write('npm run soak -- [--minutes 30] [--seed N] [--scale 2]\n');
  process.exit(2);
}
process.stderr.write(`seed ${seed}\n`);
const summary = await runSoak({
  durationMs: minutes * 60_000,
  seed,
  scale,
  print: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`);
process.exitCode = summary.failures.length === 0 ? 0 : 1;
