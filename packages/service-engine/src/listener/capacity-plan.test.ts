import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultMemoryBytes, parseDescriptorLimit, planCapacity } from './capacity-plan.ts';

const MIB = 2 ** 20;

describe('the capacity of an engine', () => {
  it('grows with its memory, and with nothing else while there are descriptors', () => {
    const of = (mebibytes: number) =>
      planCapacity({ memoryBytes: mebibytes * MIB, descriptors: 1_000_000, workers: 2 });
    assert.equal(of(128).connections, 0);
    assert.equal(of(512).connections, 1843);
    assert.equal(of(1024).connections, 5120);
    assert.equal(of(512).boundBy, 'memory');
    assert.ok(of(1024).workerHeapMb > of(512).workerHeapMb);
    assert.ok(of(512).workerHeapMb < 512);
  });

  it('is held by descriptors: two for each connection, and some for the engine itself', () => {
    const plan = planCapacity({ memoryBytes: 64 * 1024 * MIB, descriptors: 20_000, workers: 2 });
    assert.deepEqual([plan.connections, plan.boundBy], [9768, 'descriptors']);
    // Streams need memory, of which there is as much as ever.
    const { places } = planCapacity({ memoryBytes: 64 * 1024 * MIB, descriptors: 1_000_000, workers: 2 });
    assert.equal(plan.places, places);
    assert.equal(planCapacity({ memoryBytes: 1024 * MIB, descriptors: 100, workers: 1 }).connections, 0);
  });

  it('is planned, where nobody says, for half of the machine or four fifths of its container', () => {
    assert.equal(defaultMemoryBytes(1000, 0), 500);
    assert.equal(defaultMemoryBytes(1000, 2 ** 63), 500);
    assert.equal(defaultMemoryBytes(1000, 400), 320);
  });

  it('reads the limit of descriptors as Linux tells it', () => {
    const line = (soft: string) =>
      `Max cpu time  unlimited\nMax open files            ${soft}   4096   files\n`;
    assert.equal(parseDescriptorLimit(line('1024')), 1024);
    assert.equal(parseDescriptorLimit(line('unlimited')), Number.MAX_SAFE_INTEGER);
    assert.equal(parseDescriptorLimit(''), undefined);
  });
});
