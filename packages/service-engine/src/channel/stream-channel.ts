// A channel over an accepted socket: a TLSSocket with the raw socket beneath it, or a plain net.Socket.

import type { Socket } from 'node:net';
import type { Channel, ChannelListener } from './channel.ts';

const NOBODY: ChannelListener = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

/**
 * Takes over a connected socket. Its user sets `listener` in the same turn.
 *
 * @param rawSocket the TCP socket beneath (the same one where there is no TLS): a reset has to be sent there.
 * @param onException an exception of the listener ends this channel and is reported here; it goes no further.
 */
export function createStreamChannel(
  socket: Socket,
  rawSocket: Socket,
  onException: (error: unknown) => void,
): Channel {
  return new StreamChannel(socket, rawSocket, onException);
}

class StreamChannel implements Channel {
  listener: ChannelListener = NOBODY;
  readonly ownsReadBuffer = true;
  readonly #socket: Socket;
  readonly #rawSocket: Socket;
  readonly #onException: (error: unknown) => void;
  #error: Error | undefined;

  constructor(socket: Socket, rawSocket: Socket, onException: (error: unknown) => void) {
    this.#socket = socket;
    this.#rawSocket = rawSocket;
    this.#onException = onException;
    socket.on('data', (chunk: Buffer) => this.#guard(() => this.listener.onData(chunk)));
    socket.on('end', () => this.#guard(() => this.listener.onEnd()));
    socket.on('drain', () => this.#guard(() => this.listener.onDrain()));
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => this.#guard(() => this.listener.onClose(this.#error)));
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
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    if (!this.#rawSocket.destroyed) this.#rawSocket.resetAndDestroy();
    this.#socket.destroy();
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#onException(error);
      this.destroy();
    }
  }
}
