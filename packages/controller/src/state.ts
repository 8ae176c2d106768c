// What other packages may use of the state folder of a Controller that they do not run.

export { systemRandom } from './lifecycle/random.ts';
export { type BackupContents, backUp, restore } from './store/back-up.ts';
export { reseal } from './store/reseal.ts';
