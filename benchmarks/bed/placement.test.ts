// What the placement of processes on CPUs promises.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuList, placeOn } from './placement.ts';

test('a CPU list of the kernel is read with ranges and single numbers', () => {
  assert.deepEqual(cpuList('0-2,5,7-8'), [0, 1, 2, 5, 7, 8]);
  assert.deepEqual(cpuList('3'), [3]);
});

test('the balancer has the last allowed CPU to itself', () => {
  assert.deepEqual(placeOn([0, 1]), { balancer: '1', others: '0' });
  assert.deepEqual(placeOn([2, 4, 6]), { balancer: '6', others: '2,4' });
});

test('on one CPU nothing is placed', () => {
  assert.equal(placeOn([0]), undefined);
});
