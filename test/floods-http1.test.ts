import { describe } from 'node:test';
import { itWithstands, useFloodBed } from './floods/flood.ts';

const floods = [
  'slow heads',
  'slow bodies',
  'slow readers',
  'pipelining whose answers are read',
  'pipelining whose answers are not read',
] as const;

describe('an engine that speaks HTTP/1.1 (R16)', () => {
  const bed = useFloodBed();
  itWithstands(bed, floods);
});
