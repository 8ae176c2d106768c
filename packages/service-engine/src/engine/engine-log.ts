// What an engine tells its operator of itself: episodes of shortage, workers, refused configurations, certificates that expire.

import { describeProblem, LimpetError } from '@limpet/model';
import type { Logger } from 'pino';
import type { CapacityBound } from '../listener/connection-capacity.ts';
import type { WorkerGroupListener } from '../snapshot/worker-group.ts';
import type { ExpiringCertificate } from '../tls/certificate-expiry.ts';
import type { EngineCapacity } from './engine-capacity.ts';

/** As a listener of the workers it logs what they say, and tells of those that are lost. */
export class EngineLog implements WorkerGroupListener {
  readonly #log: Logger;
  readonly #capacity: EngineCapacity;
  readonly #release: (worker: number) => void;
  readonly #shortOfDescriptors = new Set<number>();

  /** @param release takes back what a lost worker held. */
  constructor(log: Logger, capacity: EngineCapacity, release: (worker: number) => void) {
    this.#log = log;
    this.#capacity = capacity;
    this.#release = release;
  }

  onWorkerLost(worker: number, reason: string): void {
    this.#log.error({ worker, reason }, 'a worker ended; another takes its place');
    this.onDescriptors(worker, false, '');
    this.#release(worker);
  }

  onFull(boundBy: CapacityBound): void {
    const { connections, places } = this.#capacity;
    this.#log.warn(
      { event: 'CONNECTIONS_AT_CAPACITY', bound_by: boundBy, connections, places },
      boundBy === 'memory'
        ? 'connections and streams take every place that the memory limit has; new ones are refused'
        : 'as many connections are open as there are file descriptors for; new ones are refused',
    );
  }

  onRoom(refused: number): void {
    this.#log.info({ event: 'CONNECTIONS_BELOW_CAPACITY', refused }, 'there is room for connections again');
  }

  onException(worker: number, message: string, stack: string): void {
    this.#log.error({ worker, stack }, `exception: ${message}`);
  }

  /** Once an episode, however many workers notice. */
  onDescriptors(worker: number, short: boolean, detail: string): void {
    const before = this.#shortOfDescriptors.size;
    if (short) this.#shortOfDescriptors.add(worker);
    else this.#shortOfDescriptors.delete(worker);
    const now = this.#shortOfDescriptors.size;
    if (before === 0 && now > 0)
      this.#log.error(
        { event: 'DESCRIPTORS_SHORT', reason: detail },
        `file descriptors are short: new connections are refused until some come free. Raise LimitNOFILE (ulimit -n)`,
      );
    if (before > 0 && now === 0)
      this.#log.info({ event: 'DESCRIPTORS_ENOUGH' }, 'there are enough file descriptors again');
  }

  certificateExpires({ certificate, virtualService, daysLeft }: ExpiringCertificate): void {
    this.#log.warn(
      {
        event: 'SSL_CERT_EXPIRE',
        virtual_service: virtualService,
        certificate: certificate.name,
        days_until_expire: daysLeft,
      },
      daysLeft < 0
        ? `certificate ${certificate.name} has expired`
        : `certificate ${certificate.name} expires in ${daysLeft} days`,
    );
  }
}

/** Every problem of a refused configuration in a line of its own. */
export function logRefusal(log: Logger, error: unknown, message: string): void {
  if (error instanceof LimpetError) {
    for (const problem of error.problems)
      log.error({ event: 'CONFIG_PROBLEM', ...problem }, describeProblem(problem));
    log.error({ event: 'CONFIG_REFUSED', code: error.code }, `${message}: ${error.message}`);
  } else {
    log.error({ event: 'CONFIG_REFUSED', err: error }, message);
  }
}
