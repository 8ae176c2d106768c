// One end of the engine link on a connection that is open: messages out and in, heartbeats, and the end of it when the other end is silent.

import type { Duplex } from 'node:stream';
import { encodeFrame, FrameReader } from './frames.ts';
import { HEARTBEAT_EVERY_MS, SILENCE_MAX_MS, WAITING_MAX_BYTES } from './link-limits.ts';

/** Deadlines, as engine and Controller have them. */
export interface LinkTimers {
  start(afterMs: number, onExpire: () => void): LinkTimer;
}

export interface LinkTimer {
  restart(afterMs?: number): void;
  cancel(): void;
}

export interface LinkListener<In> {
  onMessage(message: In): void;
  /** Once; nothing is sent or received any more. */
  onClosed(reason: string): void;
}

/** What was written and not taken by the other end for so long, while it says that it lives. */
const STALLED_MAX_MS = 60_000;
/** For the last message to arrive and the other end to close, too; one that was refused may not hold the connection for ever. */
const CLOSING_MAX_MS = 5000;

export class LinkConnection<Out extends { readonly kind: string }, In> {
  readonly #socket: Duplex;
  readonly #timers: LinkTimers;
  readonly #reader: FrameReader;
  readonly #parse: (message: unknown) => In;
  readonly #listener: LinkListener<In>;
  readonly #silence: LinkTimer;
  readonly #heartbeat: LinkTimer;
  readonly #stalled: LinkTimer;
  #isStalling = false;
  #closed = false;

  /** @param parse checks a message; throws to end the connection. */
  constructor(
    socket: Duplex,
    timers: LinkTimers,
    receiveMaxBytes: number,
    parse: (message: unknown) => In,
    listener: LinkListener<In>,
  ) {
    this.#socket = socket;
    this.#timers = timers;
    this.#parse = parse;
    this.#listener = listener;
    this.#reader = new FrameReader(receiveMaxBytes);
    this.#silence = timers.start(SILENCE_MAX_MS, () =>
      this.close(`nothing heard for ${SILENCE_MAX_MS / 1000} s`),
    );
    this.#heartbeat = timers.start(HEARTBEAT_EVERY_MS, () => this.#beat());
    this.#stalled = timers.start(STALLED_MAX_MS, () =>
      this.close(`what was sent was not taken for ${STALLED_MAX_MS / 1000} s`),
    );
    this.#stalled.cancel();
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => {
      this.#isStalling = false;
      this.#stalled.cancel();
    });
    socket.on('error', (error) => this.close(error.message));
    socket.on('end', () => this.close('the other end closed it'));
    socket.on('close', () => this.close('it was closed'));
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /** Bytes that the other end has not taken. */
  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  /** For messages from now on. */
  limitTo(receiveMaxBytes: number): void {
    this.#reader.limitTo(receiveMaxBytes);
  }

  /** Nothing happens once it is closed. @returns bytes. */
  send(message: Out): number {
    if (this.#closed) return 0;
    const frame = encodeFrame(message);
    const taken = this.#socket.write(frame);
    if (!taken && !this.#isStalling) {
      this.#isStalling = true;
      this.#stalled.restart();
    }
    if (this.waitingBytes > WAITING_MAX_BYTES) this.close('the other end does not take what is sent');
    return frame.length;
  }

  /** Sends what was sent, then closes. */
  end(message: Out, reason: string): void {
    this.send(message);
    this.#finish(reason, () => {
      const closing = this.#timers.start(CLOSING_MAX_MS, () => this.#socket.destroy());
      this.#socket.once('close', () => closing.cancel());
      this.#socket.end();
    });
  }

  close(reason: string): void {
    this.#finish(reason, () => this.#socket.destroy());
  }

  #finish(reason: string, closeSocket: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of [this.#silence, this.#heartbeat, this.#stalled]) timer.cancel();
    closeSocket();
    this.#listener.onClosed(reason);
  }

  #beat(): void {
    this.#heartbeat.restart();
    // What waits already says that this end lives, once it arrives.
    if (this.waitingBytes === 0) this.#socket.write(encodeFrame({ kind: 'heartbeat' }));
  }

  #receive(chunk: Buffer): void {
    if (this.#closed) return;
    this.#silence.restart();
    try {
      for (const message of this.#reader.push(chunk)) {
        // A message may close it.
        if (this.#closed) return;
        this.#listener.onMessage(this.#parse(message));
      }
    } catch (error) {
      this.close(error instanceof Error ? error.message : String(error));
    }
  }
}
