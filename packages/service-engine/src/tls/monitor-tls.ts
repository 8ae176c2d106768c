// The TLS of health monitors, made when their configuration comes and kept for as long as it lives.

import type { Snapshot, TlsClientSnapshot } from '@limpet/model';
import type { TlsClient } from '../channel/tls-client.ts';
import type { Clock } from '../lifecycle/clock.ts';
import { createTlsClient } from './create-tls-client.ts';

export class MonitorTls {
  readonly #clock: Clock;
  // Monitors that a new configuration does not change go on with the snapshot that they have.
  readonly #made = new WeakMap<TlsClientSnapshot, TlsClient>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Before the monitors of a configuration begin.
   *
   * @param secrets private keys (PEM) by their hash.
   * @throws where OpenSSL refuses one; then the configuration is refused.
   */
  prepare({ pools }: Snapshot, secrets: ReadonlyMap<string, string>): void {
    for (const { healthMonitors } of pools) {
      for (const monitor of healthMonitors) {
        const client = monitor.kind === 'http' ? monitor.tls?.client : undefined;
        // Snapshots are frozen, and name their keys by hash: the same one comes to the same.
        if (client !== undefined && !this.#made.has(client))
          this.#made.set(client, createTlsClient(client, secrets, this.#clock));
      }
    }
  }

  of(snapshot: TlsClientSnapshot): TlsClient {
    const made = this.#made.get(snapshot);
    if (made === undefined) throw new Error('the TLS of a monitor was not prepared');
    return made;
  }
}
