// What forwarding needs to know of the client's connection: who the client is, where it belongs, and where to report.

import type { Address, HttpSnapshot, SignificanceCode } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { ClientFingerprint } from '../load-balancing/client-key.ts';
import type { Placement } from '../pool/placement.ts';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import type { KeyRing } from '../session-ticket/key-ring.ts';
import type { AccessLog } from '../telemetry/access-log.ts';
import type { MetricsRow } from '../telemetry/metrics-table.ts';
import type { ClientIdentity } from './client-identity.ts';
import type { ConnectionCookies } from './connection-cookies.ts';
import type { HeadLimits } from './http1/field-lines.ts';

/** The engine's places for streams beside the first of their connection. */
export interface StreamPlaces {
  /** False: the engine has none left. */
  takeStream(): boolean;
  giveStreamBack(): void;
}

/** What a worker lends to everything that proxies. */
export interface HttpServices {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly accessLog: AccessLog;
  /** A new request id; unique over engines, workers and restarts. */
  readonly newRequestId: () => string;
  /** 16 random bytes in base64. */
  readonly newWebSocketKey: () => string;
  readonly random: RandomSource;
  readonly worker: number;
  readonly streamPlaces: StreamPlaces;
  /** Told of the system's error code where a descriptor, a port or memory could not be had. */
  readonly onShortage: (code: string) => void;
}

/** The parts of a virtual service that a request is handled by; read anew for each request, so that a reload reaches open connections. */
export interface HttpService {
  readonly name: string;
  readonly http: HttpSnapshot;
  /** Of request heads, as the profile has them. */
  readonly headLimits: HeadLimits;
  readonly pool: PoolRuntime;
  readonly ring: KeyRing;
  readonly metrics: MetricsRow;
}

/** One client connection, from the moment its handshake is done. */
export interface ProxiedConnection {
  readonly id: string;
  readonly services: HttpServices;
  readonly client: Address;
  readonly local: Address;
  readonly secure: boolean;
  /** Absent where no certificate was asked for. */
  readonly identity: ClientIdentity | undefined;
  /** Where the connection belongs; a request that has to leave it tells the client to reconnect. */
  readonly placement: Placement;
  /** Of the ClientHello, where requests are placed by it; without TLS there is none. */
  readonly fingerprint: ClientFingerprint | undefined;
  readonly cookies: ConnectionCookies;
  /** From now on the connection counts as one of that server. */
  place(placement: Placement): void;
  service(): HttpService;
  /** The client has given up a request that was a stream on a session to a server. */
  noteAbandoned(): void;
  /** Where connections to the server are kept between requests: with it, or with this client alone. */
  connectionsAt(server: ServerRuntime, pool: PoolRuntime): ServerRuntime;
  /** Whether a request for this authority may come over this connection (RFC 9110 §7.4, R14). */
  serves(authority: string): boolean;
  /** True while the engine or the virtual service drains: the next response is the last on its connection. */
  isDraining(): boolean;
  /** Counts the request for the connection's own record. */
  countRequest(): void;
  addSignificance(code: SignificanceCode): void;
}
