// h1-request: a keep-alive HTTP/1.1 request over TLS 1.3 with a small response.

import { alternatingRounds } from './alternating-rounds.ts';
import type { Operation } from './operation.ts';

const CONNECTIONS = 4;

export const h1Request: Operation = {
  name: 'h1-request',
  title: `keep-alive HTTP/1.1 request, ${CONNECTIONS} connections`,
  unit: 'µs',
  measure: (bench) =>
    alternatingRounds(
      bench,
      'h1-request',
      ([first], _who, durationMs) => ({
        kind: 'requests',
        port: first.port,
        connections: CONNECTIONS,
        durationMs,
      }),
      bench.plan.warmUp,
    ),
};
