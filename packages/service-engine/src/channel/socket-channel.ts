// A channel over a socket: what is the same whether the engine accepted the connection or opened it.

import type { Socket } from 'node:net';
import type { Channel, ChannelListener } from './channel.ts';
import { resetSocket } from './reset-socket.ts';

const NOBODY: ChannelListener = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

/** Who makes one sees to it that {@link receive} is given what the socket reads. */
export abstract class SocketChannel implements Channel {
  listener: ChannelListener = NOBODY;
  abstract readonly ownsReadBuffer: boolean;
  readonly #socket: Socket;
  readonly #rawSocket: Socket;
  readonly #onException: (error: unknown) => void;
  #error: Error | undefined;
  #reset = false;

  /**
   * @param rawSocket the TCP socket beneath; the same one where there is no TLS of ours on it.
   * @param onException an exception of the listener ends this channel, and is reported here; it goes no further.
   */
  constructor(socket: Socket, rawSocket: Socket, onException: (error: unknown) => void) {
    this.#socket = socket;
    this.#rawSocket = rawSocket;
    this.#onException = onException;
    socket.on('end', () => this.#tell('onEnd'));
    socket.on('drain', () => this.#tell('onDrain'));
    socket.on('error', (error) => {
      this.#error ??= error;
      // After an error of TLS, such as an alert, Node leaves the socket as it is.
      socket.destroy();
    });
    socket.on('close', () => {
      try {
        this.listener.onClose(this.#error);
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  write(data: Buffer | string): boolean {
    return typeof data === 'string' ? this.#socket.write(data, 'latin1') : this.#socket.write(data);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    // A socket that has its end does not say that it drained, only that it finished.
    if (this.#socket.writableNeedDrain) this.#socket.once('finish', () => this.#tell('onDrain'));
    this.#socket.end();
  }

  #tell(event: 'onEnd' | 'onDrain'): void {
    if (this.#reset) return;
    try {
      this.listener[event]();
    } catch (error) {
      this.#fail(error);
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    // A TLSSocket may have more that is decrypted already.
    this.#reset = true;
    resetSocket(this.#socket, this.#rawSocket);
  }

  protected receive(chunk: Buffer): void {
    if (this.#reset) return;
    try {
      this.listener.onData(chunk);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Closes before it reports: whatever becomes of the report, no half-handled request is left open. What was under way hears of it in onClose. */
  #fail(error: unknown): void {
    this.#socket.destroy(error instanceof Error ? error : undefined);
    this.#onException(error);
  }
}
