// What other packages may use of the Controller.

export { describeApi } from './api/openapi.ts';
