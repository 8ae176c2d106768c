// The proof that the subjects do the same work: what a connection to each of them negotiates is compared.

import type { LoadClient } from '../bed/load-client-process.ts';
import type { LoadCommand, Negotiated } from '../load/load-command.ts';
import type { RunningSubject } from '../operations/operation.ts';

type Probe = Extract<LoadCommand, { kind: 'probe' }>;

const PROBES: readonly Omit<Probe, 'port'>[] = [
  { kind: 'probe', version: 'TLSv1.3', http2: false },
  { kind: 'probe', version: 'TLSv1.2', http2: false },
  { kind: 'probe', version: 'TLSv1.3', http2: true },
];

/** @throws Error where two subjects differ in version, cipher suite, group, protocol or certificate. */
export async function sameNegotiation(
  client: LoadClient,
  subjects: readonly RunningSubject[],
): Promise<readonly Negotiated[]> {
  const common: Negotiated[] = [];
  for (const probe of PROBES) {
    let first: Negotiated | undefined;
    for (const { subject, instances } of subjects) {
      const negotiated = await client.probe({ ...probe, port: instances[0].port });
      first ??= negotiated;
      if (JSON.stringify(negotiated) !== JSON.stringify(first)) {
        throw new Error(
          `${subject.name} negotiates ${JSON.stringify(negotiated)}, not ${JSON.stringify(first)}`,
        );
      }
    }
    if (first !== undefined) common.push(first);
  }
  return common;
}
