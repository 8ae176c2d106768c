// The engine's end of the link: dials the Controller, again and again when it is gone, and keeps its own certificate good.

import { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import {
  CONTROLLER_NAME,
  type ControllerToEngine,
  ENGINE_RECEIVES_MAX_BYTES,
  type EngineToController,
  LINK_PROTOCOL,
  LinkConnection,
  parseControllerMessage,
} from '@limpet/model';
import type { Clock } from '../../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../../lifecycle/deadlines.ts';
import type { RandomSource } from '../../lifecycle/random.ts';
import { createCertificateRequest } from './certificate-request.ts';
import type { EngineIdentity } from './state-folder.ts';

export interface ControllerLinkListener {
  /** What this engine has, for the hello. */
  hello(): Extract<EngineToController, { kind: 'hello' }>;
  onWelcome(): void;
  onMessage(message: ControllerToEngine): void;
  /** It will be tried again. */
  onLost(reason: string): void;
  /** Where the link listens now, asked when it cannot be reached. */
  askPort(): Promise<number>;
  /** To be kept, as it is another one. */
  onIdentity(identity: EngineIdentity): void;
}

const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 5000;
/** Somebody has to do something first. */
const RETRY_REFUSED_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
const LOOK_AT_CERTIFICATE_MS = 3_600_000;

export class ControllerLink {
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #random: RandomSource;
  readonly #listener: ControllerLinkListener;
  #identity: EngineIdentity;
  #socket: TLSSocket | undefined;
  #connection: LinkConnection<EngineToController, ControllerToEngine> | undefined;
  #welcome = false;
  #retryMs = RETRY_FIRST_MS;
  #retry: Deadline | undefined;
  #certificateLook: Deadline | undefined;
  #requested: { readonly privateKeyPem: string } | undefined;
  #stopped = false;

  constructor(
    identity: EngineIdentity,
    clock: Clock,
    deadlines: Deadlines,
    random: RandomSource,
    listener: ControllerLinkListener,
  ) {
    this.#identity = identity;
    this.#clock = clock;
    this.#deadlines = deadlines;
    this.#random = random;
    this.#listener = listener;
  }

  get isConnected(): boolean {
    return this.#welcome;
  }

  /** Bytes that the Controller has not taken. */
  get waitingBytes(): number {
    return this.#connection?.waitingBytes ?? 0;
  }

  start(): void {
    this.#dial();
  }

  /** Nothing happens while there is no connection: the hello of the next one says how things are. */
  send(message: EngineToController): void {
    if (this.#welcome) this.#connection?.send(message);
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#certificateLook?.cancel();
    this.#connection?.close('the engine stops');
    this.#socket?.destroy();
  }

  #dial(): void {
    const { controllerUrl, linkPort, caPem, certificatePem, privateKeyPem } = this.#identity;
    const socket = connect({
      host: hostOf(controllerUrl),
      port: linkPort,
      ...{ ca: caPem, cert: certificatePem, key: privateKeyPem },
      servername: CONTROLLER_NAME,
      ALPNProtocols: [LINK_PROTOCOL],
      minVersion: 'TLSv1.3',
    });
    this.#socket = socket;
    let settled = false;
    const fail = (reason: string): void => {
      if (settled) return;
      settled = true;
      timeout.cancel();
      socket.destroy();
      this.#failed(reason);
    };
    const timeout = this.#deadlines.start(CONNECT_TIMEOUT_MS, () => fail('no connection in time'));
    socket.on('error', (error) => fail((error as NodeJS.ErrnoException).code ?? error.message));
    socket.once('close', () => fail('it was closed'));
    socket.once('secureConnect', () => {
      if (settled) return;
      settled = true;
      timeout.cancel();
      this.#greet(socket);
    });
  }

  #greet(socket: TLSSocket): void {
    let refusal: string | undefined;
    this.#connection = new LinkConnection<EngineToController, ControllerToEngine>(
      ...([socket, this.#deadlines, ENGINE_RECEIVES_MAX_BYTES, parseControllerMessage] as const),
      {
        onMessage: (message) => {
          if (message.kind === 'refused') refusal = message.reason;
          else this.#receive(message);
        },
        onClosed: (reason) => {
          this.#connection = undefined;
          if (refusal !== undefined) this.#retryMs = RETRY_REFUSED_MS;
          this.#failed(refusal ?? reason);
        },
      },
    );
    this.#connection.send(this.#listener.hello());
  }

  #receive(message: Exclude<ControllerToEngine, { kind: 'refused' }>): void {
    switch (message.kind) {
      case 'heartbeat':
        return;
      case 'welcome':
        this.#welcome = true;
        this.#retryMs = RETRY_FIRST_MS;
        this.#renewCertificate();
        this.#listener.onWelcome();
        return;
      case 'certificate':
        this.#takeCertificate(message.certificatePem);
        return;
      default:
        this.#listener.onMessage(message);
    }
  }

  #failed(reason: string): void {
    this.#welcome = false;
    this.#certificateLook?.cancel();
    if (this.#stopped) return;
    this.#listener.onLost(reason);
    // Spread, so that a fleet does not come back in one moment.
    const afterMs = this.#retryMs * (0.5 + this.#random.fraction());
    if (this.#retryMs < RETRY_MAX_MS) this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
    this.#retry = this.#deadlines.start(afterMs, () => void this.#dialAnew());
  }

  async #dialAnew(): Promise<void> {
    const linkPort = await this.#listener.askPort().catch(() => this.#identity.linkPort);
    if (this.#stopped) return;
    if (linkPort !== this.#identity.linkPort) this.#keep({ ...this.#identity, linkPort });
    this.#dial();
  }

  /** Asks for another certificate once a third of the time of this one is left. */
  #renewCertificate(): void {
    const { validFrom, validTo } = new X509Certificate(this.#identity.certificatePem);
    const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
    const left = (toMs - this.#clock.unixMs()) / (toMs - fromMs);
    if (left < 1 / 3) {
      const { requestPem, privateKeyPem } = createCertificateRequest(this.#identity.engineUuid);
      this.#requested = { privateKeyPem };
      this.send({ kind: 'certificate-request', requestPem });
    }
    this.#certificateLook = this.#deadlines.start(LOOK_AT_CERTIFICATE_MS, () => this.#renewCertificate());
  }

  #takeCertificate(certificatePem: string): void {
    if (this.#requested === undefined) return;
    const { privateKeyPem } = this.#requested;
    this.#requested = undefined;
    this.#keep({ ...this.#identity, certificatePem, privateKeyPem });
  }

  #keep(identity: EngineIdentity): void {
    this.#identity = identity;
    this.#listener.onIdentity(identity);
  }
}

function hostOf(url: string): string {
  // Brackets stand around an IPv6 address in a URL.
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}
