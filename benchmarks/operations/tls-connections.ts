// tls13-full, tls13-resumed, tls12-resumed: a connection with one small request, over two instances in turn.

import type { TlsVersion } from '../load/load-command.ts';
import { alternatingRounds } from './alternating-rounds.ts';
import type { Operation, OperationName } from './operation.ts';

export const CONCURRENCY = 8;

export const tls13Full: Operation = {
  name: 'tls13-full',
  title: 'TLS 1.3 connection with one request, full handshake',
  unit: 'µs',
  measure: (bench) =>
    alternatingRounds(
      bench,
      'tls13-full',
      (instances, _who, durationMs) => ({
        kind: 'full-connections',
        ports: instances.map((instance) => instance.port),
        version: 'TLSv1.3',
        concurrency: CONCURRENCY,
        durationMs,
      }),
      bench.plan.connectionWarmUp,
    ),
};

export const tls13Resumed = resumed(
  'tls13-resumed',
  'TLSv1.3',
  'TLS 1.3 connection with one request, resumed',
);

export const tls12Resumed = resumed(
  'tls12-resumed',
  'TLSv1.2',
  'TLS 1.2 connection with one request, resumed',
);

function resumed(name: OperationName, version: TlsVersion, title: string): Operation {
  return {
    name,
    title,
    unit: 'µs',
    measure: (bench) =>
      alternatingRounds(
        bench,
        name,
        (instances, who, durationMs) => ({
          kind: 'resumed-connections',
          clients: `${who} ${version}`,
          ports: instances.map((instance) => instance.port),
          version,
          concurrency: CONCURRENCY,
          durationMs,
        }),
        bench.plan.connectionWarmUp,
      ),
  };
}
