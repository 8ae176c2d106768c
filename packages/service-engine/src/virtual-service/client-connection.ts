// One client connection from accept to close: it goes through the stages of the pipeline and is what HTTP forwards for.

import type { Socket } from 'node:net';
import type { Address, ErrorCode, SignificanceCode } from '@limpet/model';
import { hostOfAuthority } from '../http/authority.ts';
import type { ClientIdentity } from '../http/client-identity.ts';
import { ConnectionCookies } from '../http/connection-cookies.ts';
import type { HttpService, HttpServices, ProxiedConnection } from '../http/proxied-connection.ts';
import type { Deadline } from '../lifecycle/deadlines.ts';
import type { ClientFingerprint } from '../load-balancing/client-key.ts';
import { findServer } from '../pool/backup-pools.ts';
import { DedicatedConnections } from '../pool/dedicated-connections.ts';
import { type Placement, unplaced } from '../pool/placement.ts';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import { ResetBudget, type ResetLimits } from '../pool/reset-budget.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import type { ClientCertificatePolicy } from '../tls/client-certificate-policy.ts';
import type { ConnectionRecord, Stage } from './connection-record.ts';
import type { OpenConnection, VirtualService } from './virtual-service.ts';

const OPEN = metricOffset('limpet_connections_open');
const TOTAL = metricOffset('limpet_connections_total');
const FAILED: Readonly<Record<Exclude<Stage, 'http'>, number>> = {
  proxy_header: metricOffset('limpet_connections_failed_total', 'proxy_header'),
  client_hello: metricOffset('limpet_connections_failed_total', 'client_hello'),
  select_server: metricOffset('limpet_connections_failed_total', 'select_server'),
  handshake: metricOffset('limpet_connections_failed_total', 'handshake'),
};
const PLACED = metricOffset('limpet_server_connections_placed');
const ALONE = metricOffset('limpet_connections_alone_total');
/** Requests that a client may give up before it shares sessions to servers with nobody: less than a session bears (docs/decisions/0027-resets-to-servers.md). */
const ABANDONED: ResetLimits = { burst: 20, regainMs: 2000, most: Number.POSITIVE_INFINITY };

/** The HTTP connection on top, once there is one. */
export interface HttpConnection {
  start(): void;
  /**
   * Ends after what is under way, and tells the client so.
   *
   * @param keepIdle where nothing is under way: false closes at once, true lets the client ask once more, so that it never asks a connection that closes.
   */
  drain(keepIdle: boolean): void;
  leaveServer(slot: number): void;
  destroy(): void;
}

export class ClientConnection implements ProxiedConnection, OpenConnection {
  readonly services: HttpServices;
  /** Until the ClientHello the one that owns the listener, then the one that owns the host. */
  virtualService: VirtualService;
  readonly rawSocket: Socket;
  /** Where the client connected to: the listener, or what a trusted proxy says. */
  local: Address;
  readonly secure: boolean;
  readonly record: ConnectionRecord;
  readonly deadline: Deadline;
  identity: ClientIdentity | undefined;
  /** Kept only where requests are placed by it. */
  fingerprint: ClientFingerprint | undefined;
  #http: HttpConnection | undefined;
  #dedicated: DedicatedConnections | undefined;
  #cookies: ConnectionCookies | undefined;
  /** Made at the first request that is given up. */
  #abandoned: ResetBudget | undefined;
  /** It shares no session to a server any more. */
  #isAlone = false;
  #ended = false;
  #retired = false;

  constructor(
    services: HttpServices,
    virtualService: VirtualService,
    rawSocket: Socket,
    local: Address,
    secure: boolean,
    record: ConnectionRecord,
    onDeadline: (connection: ClientConnection) => void,
    timeoutMs: number,
  ) {
    this.services = services;
    this.virtualService = virtualService;
    this.rawSocket = rawSocket;
    this.local = local;
    this.secure = secure;
    this.record = record;
    this.deadline = services.deadlines.start(timeoutMs, () => onDeadline(this));
    virtualService.connections.add(this);
    virtualService.metrics.add(TOTAL);
    virtualService.metrics.add(OPEN);
  }

  get id(): string {
    return this.record.id;
  }

  get client(): Address {
    return this.record.client;
  }

  get placement(): Placement {
    return this.record.placement ?? unplaced;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Made at the first request that asks. */
  get cookies(): ConnectionCookies {
    this.#cookies ??= new ConnectionCookies();
    return this.#cookies;
  }

  service(): HttpService {
    return this.virtualService.http;
  }

  connectionsAt(server: ServerRuntime, pool: PoolRuntime): ServerRuntime {
    if (this.virtualService.current.snapshot.http.connectionMultiplexing && !this.#isAlone) return server;
    this.#dedicated ??= new DedicatedConnections(this.services.clock, this.services.deadlines);
    // A request may outlive its client's connection.
    if (this.#ended) this.#dedicated.close();
    return this.#dedicated.at(server, pool);
  }

  noteAbandoned(): void {
    const nowMs = this.services.clock.monotonicMs();
    this.#abandoned ??= new ResetBudget(ABANDONED, nowMs);
    if (this.#abandoned.take(nowMs) || this.#isAlone) return;
    this.#isAlone = true;
    this.virtualService.metrics.add(ALONE);
  }

  serves(authority: string): boolean {
    const { current, uuid } = this.virtualService;
    // Without TLS the client has named no host before; without one in the request it names none now.
    if (current.hosts === undefined || !this.secure || authority === '' || !current.snapshot.http.hostCheck)
      return true;
    return current.hosts.ownerOf(hostOfAuthority(authority)) === uuid;
  }

  isDraining(): boolean {
    return this.#retired || this.virtualService.isDraining;
  }

  countRequest(): void {
    this.record.requests++;
  }

  addSignificance(code: SignificanceCode): void {
    this.record.addSignificance(code);
  }

  /** A trusted proxy says whose connection it is: from here on that client counts, wherever an address does. */
  cameBy(client: Address, destination: Address): void {
    this.record.proxyIp = this.record.client.ip;
    this.record.client = client;
    this.local = destination;
  }

  /** Hands the connection to another virtual service of its listener. */
  moveTo(virtualService: VirtualService): void {
    this.virtualService.connections.delete(this);
    this.virtualService.metrics.add(OPEN, -1);
    this.virtualService = virtualService;
    virtualService.connections.add(this);
    virtualService.metrics.add(TOTAL);
    virtualService.metrics.add(OPEN);
  }

  /** From now on the connection counts as one of its server. */
  place(placement: Placement): void {
    // A request may outlive its client's connection.
    if (this.#ended) return;
    this.#unplace();
    this.record.placement = placement;
    const { server } = placement;
    if (server === undefined || !placement.bound) return;
    server.table.addPlaced(server.slot);
    server.metrics.add(PLACED);
  }

  /** The handshake is over: HTTP has the socket from here. */
  serve(http: HttpConnection): void {
    this.record.stage = 'http';
    this.deadline.cancel();
    this.#http = http;
    http.start();
  }

  drain(keepIdle: boolean): void {
    // A handshake under way is let through: its first response will be its last.
    this.#http?.drain(keepIdle);
  }

  leaveServer(slot: number): void {
    this.#http?.leaveServer(slot);
    this.#dedicated?.leave(slot);
    const { server, bound } = this.placement;
    if (bound && server?.slot === slot) this.drain(false);
  }

  forgetServers(slots: ReadonlySet<number>): void {
    if (this.#dedicated !== undefined) for (const slot of slots) this.#dedicated.leave(slot);
  }

  reconsider(policy: ClientCertificatePolicy | undefined, nowS: number): void {
    // A handshake under way is judged by the policy that holds when it is done.
    if (!this.secure || this.#http === undefined || policy === undefined) return;
    const certificate = this.identity?.certificate;
    const isGood = certificate === undefined ? !policy.required : policy.stillTrusts(certificate.chain, nowS);
    if (isGood) return;
    this.#retired = true;
    this.#http.drain(false);
  }

  destroy(): void {
    if (this.#http === undefined) this.rawSocket.destroy();
    else this.#http.destroy();
  }

  /** The end of the connection, by whatever stage; only the first call counts. */
  end(error: ErrorCode | undefined, detail = ''): void {
    if (this.#ended) return;
    this.#ended = true;
    this.deadline.cancel();
    this.#dedicated?.close();
    const { record, virtualService } = this;
    virtualService.connections.delete(this);
    virtualService.metrics.add(OPEN, -1);
    if (record.stage !== 'http') virtualService.metrics.add(FAILED[record.stage]);
    this.#unplace();
    const { server } = this.placement;
    const { snapshot, pool } = virtualService.current;
    const ownPool = server === undefined ? pool : (findServer(pool, server.id)?.pool ?? pool);
    record.write(snapshot.name, ownPool.snapshot.name, this.services, error, detail);
  }

  #unplace(): void {
    const { server, bound } = this.placement;
    if (server === undefined || !bound) return;
    server.table.removePlaced(server.slot);
    server.metrics.add(PLACED, -1);
  }
}
