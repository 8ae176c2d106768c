// All operations in the order in which they are reported and, warmth considered, measured.

import { h1Request } from './h1-request.ts';
import { h2Request } from './h2-request.ts';
import { idleConnection } from './idle-connection.ts';
import type { Operation } from './operation.ts';
import { persistenceOnOff } from './persistence-on-off.ts';
import { tls12Resumed, tls13Full, tls13Resumed } from './tls-connections.ts';

export const operations: readonly Operation[] = [
  h1Request,
  h2Request,
  tls12Resumed,
  tls13Resumed,
  tls13Full,
  idleConnection,
  persistenceOnOff,
];
