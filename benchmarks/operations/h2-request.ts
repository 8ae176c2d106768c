// h2-request-16: an HTTP/2 request among sixteen concurrent streams of one connection.

import { alternatingRounds } from './alternating-rounds.ts';
import type { Operation } from './operation.ts';

const STREAMS = 16;

export const h2Request: Operation = {
  name: 'h2-request-16',
  title: `HTTP/2 request, ${STREAMS} streams on one connection`,
  unit: 'µs',
  measure: (bench) =>
    alternatingRounds(
      bench,
      'h2-request-16',
      ([first], _who, durationMs) => ({
        kind: 'streams',
        port: first.port,
        streams: STREAMS,
        durationMs,
      }),
      bench.plan.warmUp,
    ),
};
