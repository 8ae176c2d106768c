// The Controller's end of the engine link: listens, lets in those whose certificate is good now, and gives each a session.

import { constants } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { CONTROLLER_NAME, LINK_PROTOCOL } from '@limpet/model';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import type { ControllerCa } from './controller-ca.ts';

export interface LinkServerOptions {
  readonly host: string;
  readonly port: number;
}

const CERTIFICATE_DAYS = 90;
const RENEW_AFTER_MS = 30 * 86_400_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Far more than engines; it bounds what strangers can hold open until their handshake fails. */
const CONNECTIONS_MAX = 4096;

export class LinkServer {
  readonly #ca: ControllerCa;
  readonly #deadlines: Deadlines;
  readonly #onEngine: (socket: TLSSocket, engineUuid: string, serial: string) => void;
  #server: Server | undefined;
  #renewal: Deadline | undefined;
  readonly #sockets = new Set<TLSSocket>();

  /** @param onEngine of a connection whose certificate the authority has signed; whether it is good still is for the callee to say. */
  constructor(
    ca: ControllerCa,
    deadlines: Deadlines,
    onEngine: (socket: TLSSocket, engineUuid: string, serial: string) => void,
  ) {
    this.#ca = ca;
    this.#deadlines = deadlines;
    this.#onEngine = onEngine;
  }

  /** @throws Error with `code`, as EADDRINUSE. */
  async start({ host, port }: LinkServerOptions): Promise<AddressInfo> {
    const server = createServer(
      {
        ...(await this.#secureOptions()),
        requestCert: true,
        rejectUnauthorized: true,
        ALPNProtocols: [LINK_PROTOCOL],
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      },
      (socket) => this.#accept(socket),
    );
    server.maxConnections = CONNECTIONS_MAX;
    // Of one handshake; the others go on.
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    server.on('error', () => {});
    this.#server = server;
    this.#renewal = this.#deadlines.start(RENEW_AFTER_MS, () => void this.#renew());
    return server.address() as AddressInfo;
  }

  stop(): void {
    this.#renewal?.cancel();
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: TLSSocket): void {
    socket.on('error', () => {});
    const certificate = socket.getPeerX509Certificate();
    const engineUuid = /^CN=(.+)$/.exec(certificate?.subject ?? '')?.[1];
    if (certificate === undefined || engineUuid === undefined || socket.alpnProtocol !== LINK_PROTOCOL) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#onEngine(socket, engineUuid, certificate.serialNumber);
  }

  async #secureOptions() {
    const { chainPem, privateKeyPem } = await this.#ca.issueServer([CONTROLLER_NAME], [], CERTIFICATE_DAYS);
    return {
      ...{ cert: chainPem, key: privateKeyPem, ca: this.#ca.certificatePem, minVersion: 'TLSv1.3' as const },
      // Every connection shows its certificate anew: a session that could be resumed would outlive a revocation.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
  }

  async #renew(): Promise<void> {
    this.#server?.setSecureContext(await this.#secureOptions());
    this.#renewal?.restart();
  }
}
