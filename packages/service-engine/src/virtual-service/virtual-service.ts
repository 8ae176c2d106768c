// The runtime of one virtual service on one worker: its configuration now, its ticket keys, its secure servers and open connections.

import type { VirtualServiceSnapshot } from '@limpet/model';
import { headLimitsOf } from '../http/head-limits.ts';
import type { HttpService } from '../http/proxied-connection.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import { destroyKeyRing, type KeyRing } from '../session-ticket/key-ring.ts';
import type { MetricsRow } from '../telemetry/metrics-table.ts';
import type { ClientCertificatePolicy } from '../tls/client-certificate-policy.ts';
import type { SecureServers } from '../tls/secure-servers.ts';
import type { HostRouter } from './host-router.ts';

/** From the ClientHello to the end of the handshake. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Deadlines expire up to a tick late. */
const RING_WIPED_AFTER_MS = HANDSHAKE_TIMEOUT_MS + 1000;

/** What of a virtual service a new configuration replaces, as a whole. */
export interface VirtualServiceRuntime {
  readonly snapshot: VirtualServiceSnapshot;
  readonly pool: PoolRuntime;
  /** Present where others share the listeners. */
  readonly hosts?: HostRouter;
  /** Absent where nothing terminates TLS. */
  readonly secureServers?: SecureServers;
}

/** A connection as its virtual service sees it. */
export interface OpenConnection {
  drain(keepIdle: boolean): void;
  /** Cuts what is under way at a server, and ends the connection if it belongs to that server. */
  leaveServer(slot: number): void;
  /** The servers are not there any more, or by other rules: idle connections that the client alone has to them are closed. */
  forgetServers(slots: ReadonlySet<number>): void;
  /** Another policy for certificates holds; whom it would not let in is served no further request on this connection. */
  reconsider(policy: ClientCertificatePolicy | undefined, nowS: number): void;
  destroy(): void;
}

/** Lives as long as a virtual service of this uuid is configured; open connections hold it and so see each new configuration. */
export class VirtualService {
  readonly uuid: string;
  readonly metrics: MetricsRow;
  readonly connections = new Set<OpenConnection>();
  #current: VirtualServiceRuntime;
  #ring: KeyRing;
  /** Made when a request first asks under this configuration: each asks several times. */
  #http: HttpService | undefined;
  #draining = false;

  constructor(uuid: string, metrics: MetricsRow, runtime: VirtualServiceRuntime, ring: KeyRing) {
    this.uuid = uuid;
    this.metrics = metrics;
    this.#current = runtime;
    this.#ring = ring;
  }

  get current(): VirtualServiceRuntime {
    return this.#current;
  }

  get ring(): KeyRing {
    return this.#ring;
  }

  /** What requests are handled by now. */
  get http(): HttpService {
    this.#http ??= this.#httpService();
    return this.#http;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** @param nowS seconds since 1970 */
  apply(runtime: VirtualServiceRuntime, nowS: number): void {
    const former = this.#current.secureServers?.clientCertificates;
    const policy = runtime.secureServers?.clientCertificates;
    this.#current = runtime;
    this.#http = undefined;
    this.#draining = false;
    if (policy?.digest === former?.digest) return;
    for (const connection of this.connections) connection.reconsider(policy, nowS);
  }

  /** Handshakes under way are answered from the former ring, and none lasts longer than its deadline; then its keys are wiped. */
  applyRing(ring: KeyRing, deadlines: Deadlines, destroyFormer = false): void {
    const former = this.#ring;
    if (former === ring) return;
    this.#ring = ring;
    this.#http = undefined;
    // Somebody may know its keys: then a handshake that fails is the lesser harm.
    if (destroyFormer) destroyKeyRing(former);
    else deadlines.start(RING_WIPED_AFTER_MS, () => destroyKeyRing(former));
  }

  /** Once it is configured no more and has no connection. */
  wipeRing(): void {
    destroyKeyRing(this.#ring);
  }

  /** Ends idle connections, and every other after what is under way. */
  drain(keepIdle: boolean): void {
    this.#draining = true;
    for (const connection of this.connections) connection.drain(keepIdle);
  }

  leaveServer(slot: number): void {
    for (const connection of this.connections) connection.leaveServer(slot);
  }

  forgetServers(slots: ReadonlySet<number>): void {
    for (const connection of this.connections) connection.forgetServers(slots);
  }

  destroyConnections(): void {
    for (const connection of this.connections) connection.destroy();
  }

  #httpService(): HttpService {
    const { snapshot, pool } = this.#current;
    const { name, http } = snapshot;
    return Object.freeze({
      name,
      http,
      headLimits: headLimitsOf(http),
      pool,
      ring: this.#ring,
      metrics: this.metrics,
    });
  }
}
