// What other packages may use of the Service Engine: running it, and what its commands need.

export type { EngineOptions } from './engine/engine-options.ts';
export { systemClock } from './lifecycle/clock.ts';
export { systemRandom } from './lifecycle/random.ts';
export { runServiceEngine } from './main.ts';
export { readConfiguration } from './source/configuration-files.ts';
