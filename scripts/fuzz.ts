// `npm run fuzz -- --seconds 600 [--seed N] [--target NAME]`: fuzzes each target for its share of the time; exit code 1 if something is found.

import { parseArgs } from 'node:util';
import { writeCorpusFile } from '../test/fuzz/corpus.ts';
import { runFuzzer } from '../test/fuzz/run-fuzzer.ts';
import { fuzzTargets } from '../test/fuzz/targets/all-targets.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, seed: { type: 'string' }, target: { type: 'string' } },
});
const seconds = Number(values.seconds ?? 600);
// Another one each time; it is printed, so that a run can be had again.
const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed);
const targets = fuzzTargets.filter(({ name }) => values.target === undefined || name === values.target);
if (!(seconds > 0) || !Number.isSafeInteger(seed) || targets.length === 0) {
  process.stderr.write(
    `npm run fuzz -- [--seconds N] [--seed N] [--target ${fuzzTargets.map(({ name }) => name).join('|')}]\n`,
  );
  process.exit(2);
}
for (const target of targets) {
  await target.start?.();
  const { runs, outcomes, finding } = await runFuzzer(target, { seed, seconds: seconds / targets.length });
  await target.stop?.();
  process.stdout.write(`${target.name}: seed ${seed}, ${runs} inputs, ${outcomes} outcomes\n`);
  if (finding === undefined) continue;
  const file = writeCorpusFile(target.name, `found-with-seed-${seed}`, finding.input);
  process.stdout.write(
    `${finding.error.stack}\n${JSON.stringify(finding.input.toString('latin1', 0, 1000))}\n${file}\n`,
  );
  process.exitCode = 1;
}
process.stdout.write(`${Math.round(process.memoryUsage().rss / 2 ** 20)} MB\n`);
