// Every fuzz target for a moment, from a fixed seed; `npm run fuzz` goes on for as long as wanted.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { corpusFiles } from './fuzz/corpus.ts';
import type { FuzzTarget } from './fuzz/fuzz-target.ts';
import { runFuzzer } from './fuzz/run-fuzzer.ts';
import { fuzzTargets } from './fuzz/targets/all-targets.ts';

const SEED = 1;
const RUNS = 3000;

for (const target of fuzzTargets) {
  describe(`the fuzz target ${target.name}`, () => {
    before(() => target.start?.());
    after(() => target.stop?.());

    for (const { name, input } of corpusFiles.filter((file) => file.target === target.name)) {
      it(`holds what it must for an input that once broke it: ${name}`, async () => {
        await target.check(input);
      });
    }

    it(`holds what it must for its seeds and ${RUNS} inputs made of them`, async () => {
      const { finding, outcomes, runs } = await runFuzzer(target, { seed: SEED, runs: RUNS });
      if (finding !== undefined)
        assert.fail(`${JSON.stringify(finding.input.toString('latin1', 0, 1000))}: ${finding.error.stack}`);
      assert.equal(runs, RUNS);
      assert.ok(outcomes > 1, 'inputs have different outcomes');
    });
  });
}

describe('the fuzzer', () => {
  /** Breaks at an input that holds both a colon and an X. */
  const broken: FuzzTarget = {
    name: 'broken',
    seeds: [Buffer.from('a field: of a message'), Buffer.from('another one with an X')],
    mutations: [],
    check: (input) => {
      if (input.includes(':') && input.includes('X')) throw new Error('a colon and an X');
      return input.includes('X') ? 'X' : 'none';
    },
  };

  it('finds what is broken, makes it small, and finds the same again from the same seed', async () => {
    const [first, second] = [
      await runFuzzer(broken, { seed: 7, runs: 10_000 }),
      await runFuzzer(broken, { seed: 7, runs: 10_000 }),
    ];
    assert.deepEqual([...(first.finding?.input.toString() ?? '')].sort(), [':', 'X']);
    assert.deepEqual(first.finding?.input, second.finding?.input);
    assert.equal(first.runs, second.runs);
  });

  it('has a corpus of targets that there are', () => {
    const names = new Set(fuzzTargets.map(({ name }) => name));
    for (const { target } of corpusFiles) assert.ok(names.has(target), target);
  });
});
