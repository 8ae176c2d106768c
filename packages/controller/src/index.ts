// What other packages may use of the Controller: running it.

export { describeApi } from './api/openapi.ts';
export { runController } from './main.ts';
export type { ControllerOptions } from './options.ts';
