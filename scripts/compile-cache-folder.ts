// Where Node keeps what it has compiled: an engine of a test then starts in half of the time, and a test run starts hundreds.

import { resolve } from 'node:path';

/** In the project's own node_modules: who can write there can change what runs anyway. It is right for every Node, which keep apart what they compile. */
export const compileCacheFolder = resolve(import.meta.dirname, '../node_modules/.cache/compiled');
