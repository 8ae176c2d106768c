// What other packages may use of the Service Engine: running it, and the ring file.

export type { EngineOptions } from './engine/engine-options.ts';
export { systemClock } from './lifecycle/clock.ts';
export { systemRandom } from './lifecycle/random.ts';
export { runServiceEngine } from './main.ts';
export {
  createRingKeys,
  DEFAULT_ROTATE_PERIOD_S,
  DEFAULT_TICKET_LIFETIME_S,
  parseRingKeys,
  rotateRingKeys,
  serializeRingKeys,
} from './session-ticket/ring-file.ts';
export { resolveConfigFiles } from './source/file-references.ts';
export { readConfigFile } from './source/file-source.ts';
