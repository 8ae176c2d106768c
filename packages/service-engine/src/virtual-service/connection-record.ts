// The record of one connection: what each stage found, written exactly once, whatever ended it.

import type { Address, ErrorCode, SignificanceCode } from '@limpet/model';
import type { HttpServices } from '../http/proxied-connection.ts';
import type { Placement } from '../pool/placement.ts';

/** The stages of the accept path, in their order; the record names the one that the connection ended in. */
export type Stage = 'proxy_header' | 'client_hello' | 'select_server' | 'handshake' | 'http';

export interface TlsFacts {
  readonly version: string;
  readonly cipher: string;
  readonly reused: boolean;
  readonly alpn: string;
}

/** Of the certificate that the client was asked for. */
export interface ClientCertificateFacts {
  /** `verified`, `none`, or why it was refused. */
  readonly verify: string;
  readonly subject?: string;
  readonly serial?: string;
  readonly fingerprint?: string;
}

export class ConnectionRecord {
  readonly id: string;
  /** The other end of the socket, until a trusted proxy says who is behind it. */
  client: Address;
  /** The address of that proxy. */
  proxyIp: string | undefined;
  readonly startedAtMs: number;
  stage: Stage = 'client_hello';
  /** Of the ClientHello, '' where it names none; undefined before there was one. Not the hello itself: its bytes would be kept as long as the connection. */
  serverName: string | undefined;
  /** `none`, `opened`, or why it was not opened. */
  ticket = 'none';
  placement: Placement | undefined;
  tls: TlsFacts | undefined;
  clientCertificate: ClientCertificateFacts | undefined;
  requests = 0;
  #significance: SignificanceCode[] | undefined;
  #written = false;

  constructor(id: string, client: Address, startedAtMs: number) {
    this.id = id;
    this.client = client;
    this.startedAtMs = startedAtMs;
  }

  addSignificance(code: SignificanceCode): void {
    this.#significance ??= [];
    if (!this.#significance.includes(code)) this.#significance.push(code);
  }

  write(
    virtualService: string,
    poolName: string,
    services: HttpServices,
    error: ErrorCode | undefined,
    detail: string,
  ): void {
    if (this.#written) return;
    this.#written = true;
    const { accessLog, clock, worker } = services;
    if (!accessLog.enabled) return;
    const { placement, tls, clientCertificate, serverName } = this;
    const server = placement?.server?.snapshot;
    accessLog.write({
      record: 'connection',
      report_timestamp: new Date(clock.unixMs()).toISOString(),
      virtualservice: virtualService,
      connection_id: this.id,
      client_ip: this.client.ip,
      client_src_port: this.client.port,
      ...(this.proxyIp === undefined ? {} : { proxy_ip: this.proxyIp }),
      vcpu_id: worker,
      ...(serverName === undefined ? {} : { sni_hostname: serverName, ticket: this.ticket }),
      ...(tls === undefined
        ? {}
        : {
            ssl_version: tls.version,
            ssl_cipher: tls.cipher,
            ssl_session_reused: tls.reused,
            alpn: tls.alpn,
          }),
      ...(clientCertificate === undefined ? {} : clientCertificateFields(clientCertificate)),
      pool_name: poolName,
      persistence_used: placement?.persistenceUsed ?? false,
      ...(server === undefined
        ? {}
        : { server_name: server.name, server_ip: server.address.ip, server_dest_port: server.address.port }),
      ...(placement === undefined ? {} : { server_reason: placement.why }),
      ended_by: this.stage,
      ...(error === undefined ? {} : { error }),
      ...(detail === '' ? {} : { error_detail: detail }),
      requests: this.requests,
      duration_ms: Math.round(clock.monotonicMs() - this.startedAtMs),
      significant: this.#significance !== undefined,
      ...(this.#significance === undefined ? {} : { significant_log: this.#significance }),
    });
  }
}

function clientCertificateFields({ verify, subject, serial, fingerprint }: ClientCertificateFacts) {
  return {
    ssl_client_verify: verify,
    ...(subject === undefined ? {} : { ssl_client_subject: subject }),
    ...(serial === undefined ? {} : { ssl_client_serial: serial }),
    ...(fingerprint === undefined ? {} : { ssl_client_fingerprint: fingerprint }),
  };
}
