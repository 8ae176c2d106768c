import { after, before, describe, it } from 'node:test';
import { assertOthersAreServed, type FloodBed, startFloodBed } from './floods/flood.ts';

const floods = [
  'slow heads',
  'slow bodies',
  'slow readers',
  'pipelining whose answers are read',
  'pipelining whose answers are not read',
] as const;

describe('an engine that speaks HTTP/1.1', () => {
  let bed: FloodBed;
  before(async () => {
    bed = await startFloodBed();
  });
  after(() => bed.stop());

  for (const name of floods) {
    it(`goes on at its pace under a flood of ${name} (R16)`, () => assertOthersAreServed(bed, name));
  }
});
