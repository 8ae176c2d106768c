// The session of one engine that is connected: its hello, what it answers, what it reports, its certificate when that has to be another.

import type { TLSSocket } from 'node:tls';
import {
  CONTROLLER_RECEIVES_MAX_BYTES,
  type ControllerToEngine,
  type EngineToController,
  HELLO_MAX_BYTES,
  HELLO_TIMEOUT_MS,
  LimpetError,
  LinkConnection,
  type LinkRefusal,
  parseEngineMessage,
  SNAPSHOT_FORMAT,
} from '@limpet/model';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';

type Hello = Extract<EngineToController, { kind: 'hello' }>;

export interface EngineSessionListener {
  onHello(session: EngineSession, hello: Hello): void;
  onMessage(session: EngineSession, message: Exclude<EngineToController, Hello>): void;
  onSent(session: EngineSession, bytes: number, hasRings: boolean): void;
  onHeard(session: EngineSession): void;
  onClosed(session: EngineSession, reason: string): void;
}

export class EngineSession {
  readonly engineUuid: string;
  readonly address: string;
  readonly #connection: LinkConnection<ControllerToEngine, EngineToController>;
  readonly #listener: EngineSessionListener;
  readonly #helloDeadline: Deadline;
  #greeted = false;

  constructor(socket: TLSSocket, engineUuid: string, deadlines: Deadlines, listener: EngineSessionListener) {
    this.engineUuid = engineUuid;
    this.address = socket.remoteAddress ?? '';
    this.#listener = listener;
    this.#helloDeadline = deadlines.start(HELLO_TIMEOUT_MS, () => this.close('no hello in time'));
    this.#connection = new LinkConnection<ControllerToEngine, EngineToController>(
      ...([socket, deadlines, HELLO_MAX_BYTES, parseEngineMessage] as const),
      {
        onMessage: (message) => this.#receive(message),
        onClosed: (reason) => {
          this.#helloDeadline.cancel();
          listener.onClosed(this, reason);
        },
      },
    );
  }

  send(message: ControllerToEngine): void {
    const bytes = this.#connection.send(message);
    this.#listener.onSent(this, bytes, message.kind === 'rings' || message.kind === 'destroy-keys');
  }

  refuse(code: LinkRefusal, reason: string): void {
    this.#connection.end({ kind: 'refused', code, reason }, reason);
  }

  close(reason: string): void {
    this.#connection.close(reason);
  }

  #receive(message: EngineToController): void {
    this.#listener.onHeard(this);
    if (message.kind === 'hello') this.#greet(message);
    else if (!this.#greeted) throw new LimpetError('LINK_MALFORMED', 'no hello');
    else if (message.kind !== 'heartbeat') this.#listener.onMessage(this, message);
  }

  #greet(hello: Hello): void {
    if (this.#greeted) throw new LimpetError('LINK_MALFORMED', 'a second hello');
    this.#greeted = true;
    this.#helloDeadline.cancel();
    this.#connection.limitTo(CONTROLLER_RECEIVES_MAX_BYTES);
    if (hello.snapshotFormat !== SNAPSHOT_FORMAT)
      this.refuse(
        'SNAPSHOT_FORMAT',
        `the engine has snapshots of format ${hello.snapshotFormat}, this Controller of ${SNAPSHOT_FORMAT}: bring both to one version`,
      );
    else this.#listener.onHello(this, hello);
  }
}
