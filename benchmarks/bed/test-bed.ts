// What all subjects of a run share: a directory, a certificate, the back ends, the load client.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BackEndReady } from '../back-end/back-end.ts';
import { makeCertificate } from './certificate.ts';
import { LoadClient } from './load-client-process.ts';
import { machinePlacement, type Placement } from './placement.ts';
import { Processes } from './processes.ts';

export interface TestBed {
  /** Removed at the end of the run. */
  readonly directory: string;
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly backEnds: readonly { readonly name: string; readonly port: number }[];
  /** Absent where processes run wherever the scheduler puts them. */
  readonly placement: Placement | undefined;
  readonly processes: Processes;
  readonly client: LoadClient;
  stop(): Promise<void>;
}

export async function startTestBed(placement = machinePlacement()): Promise<TestBed> {
  const directory = mkdtempSync(join(tmpdir(), 'limpet-bench-'));
  const processes = new Processes(placement);
  // Also where this process ends without having come to stop(): an exception, a second signal.
  const leaveNothing = (): void => {
    processes.killAll();
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', leaveNothing);
  const certificate = await makeCertificate();
  const certificatePath = join(directory, 'certificate.pem');
  const keyPath = join(directory, 'key.pem');
  writeFileSync(certificatePath, certificate.certificatePem);
  writeFileSync(keyPath, certificate.keyPem, { mode: 0o600 });

  const backEnd = processes.fork(fileURLToPath(new URL('../back-end/back-end.ts', import.meta.url)));
  const [ready] = (await once(backEnd.child, 'message')) as [BackEndReady];
  const client = new LoadClient(processes);
  return {
    directory,
    certificatePath,
    keyPath,
    backEnds: ready.servers,
    placement,
    processes,
    client,
    stop: async () => {
      await processes.stopAll();
      process.off('exit', leaveNothing);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
