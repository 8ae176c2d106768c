// What the benchmark's statistics promise.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bootstrapMedian95,
  median,
  pairedRatios,
  quantile,
  relativeSpread,
  seededRandom,
} from './statistics.ts';

const values = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 40 });

test('the median of an odd number of values is the middle one, of an even number the mean of the two middle ones', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([9, 1, 5, 7]), 6);
  assert.equal(median([4]), 4);
});

test('no values have no median and no interval', () => {
  assert.throws(() => median([]), RangeError);
  assert.throws(() => bootstrapMedian95([[], []], seededRandom(1)), RangeError);
});

test('one wild round moves the median no further than to its neighbour', () => {
  assert.equal(median([10, 11, 12, 13, 9000]), 12);
});

test('quantiles run from the least to the greatest value and never fall', () => {
  fc.assert(
    fc.property(
      values,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (sample, a, b) => {
        const [lower, upper] = [Math.min(a, b), Math.max(a, b)];
        assert.equal(quantile(sample, 0), Math.min(...sample));
        assert.equal(quantile(sample, 1), Math.max(...sample));
        assert.ok(quantile(sample, lower) <= quantile(sample, upper) * (1 + 1e-12));
      },
    ),
  );
});

test('the spread is half the distance between the quartiles, relative to the median', () => {
  assert.equal(relativeSpread([8, 9, 10, 11, 12]), 0.1);
  assert.equal(relativeSpread([5, 5, 5]), 0);
});

test('paired ratios cancel a drift that both series share', () => {
  const ratios = pairedRatios([11, 22, 44], [10, 20, 40]);
  assert.deepEqual(ratios, [1.1, 1.1, 1.1]);
  assert.throws(() => pairedRatios([1], [1, 2]), RangeError);
});

test('the interval holds the median and lies within the values', () => {
  fc.assert(
    fc.property(values, fc.integer(), (sample, seed) => {
      const { low, high } = bootstrapMedian95([sample], seededRandom(seed), 200);
      assert.ok(low <= high);
      assert.ok(low >= Math.min(...sample) && high <= Math.max(...sample));
    }),
    { numRuns: 50 },
  );
  const even = Array.from({ length: 101 }, (_, index) => index);
  const { low, high } = bootstrapMedian95([even], seededRandom(7));
  assert.ok(low < 50 && high > 50 && high - low < 45, `${low} to ${high}`);
});

test('the interval covers the true median in about 95 of 100 experiments', () => {
  const random = seededRandom(42);
  let covered = 0;
  for (let experiment = 0; experiment < 200; experiment++) {
    const sample = Array.from({ length: 31 }, () => random());
    const { low, high } = bootstrapMedian95([sample], random, 300);
    if (low <= 0.5 && high >= 0.5) covered++;
  }
  assert.ok(covered >= 180 && covered <= 199, `${covered} of 200`);
});

test('groups that disagree widen the interval', () => {
  const random = seededRandom(3);
  const around = (centre: number) => Array.from({ length: 20 }, () => centre + random() * 0.01);
  const groups = [around(0.98), around(1), around(1.02)];
  const apart = bootstrapMedian95(groups, seededRandom(5));
  const pooled = bootstrapMedian95([groups.flat()], seededRandom(5));
  assert.ok(apart.high - apart.low > pooled.high - pooled.low);
});

test('one seed gives one sequence', () => {
  const [a, b] = [seededRandom(9), seededRandom(9)];
  assert.deepEqual([a(), a(), a()], [b(), b(), b()]);
});
