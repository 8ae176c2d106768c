// A channel over a socket that the engine opens to a server, reading into one static buffer that all of them share.

import { createConnection, type OnReadOpts, type Socket } from 'node:net';
import type { Address } from '@limpet/model';
import { throwApart } from '../lifecycle/throw-apart.ts';
import type { Channel, ChannelListener } from './channel.ts';

// libuv asks for memory, reads and reports within one call, and a thread does one read at a time: so one buffer is enough,
// where a stream would allocate 64 kB a read. TLS decrypts into it in the same way. It is why listeners must copy what they keep.
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

const NOBODY: ChannelListener = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

export class ClientChannel implements Channel {
  /** Set before anything can happen to the socket. */
  listener: ChannelListener = NOBODY;
  readonly ownsReadBuffer = false;
  readonly #socket: Socket;
  readonly #onException: (error: unknown) => void;
  #error: Error | undefined;

  /**
   * @param open makes the socket, with what it has to be told of reading; it is not connected yet.
   * @param onException an exception of the listener ends this channel, and so the request on it, and is reported here; it goes no further.
   */
  constructor(open: (onread: OnReadOpts) => Socket, onException = throwApart) {
    const socket = open({
      buffer: READ_BUFFER,
      callback: (bytes) => {
        this.#guard(() => this.listener.onData(READ_BUFFER.subarray(0, bytes)));
        return true;
      },
    });
    this.#socket = socket;
    this.#onException = onException;
    socket.on('end', () => {
      // After an error of TLS, such as an alert, Node says that the peer has ended, and leaves the socket as it is.
      if (this.#error === undefined) this.#guard(() => this.listener.onEnd());
      else socket.destroy();
    });
    socket.on('drain', () => this.#guard(() => this.listener.onDrain()));
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => this.#guard(() => this.listener.onClose(this.#error)));
    socket.resume();
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
    if (this.#socket.destroyed) return;
    this.#socket.resetAndDestroy();
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : undefined);
      this.#onException(error);
    }
  }
}

/** What a socket to a server is opened with, TLS or not. */
export function connectOptions({ ip, port }: Address) {
  return {
    host: ip,
    port,
    noDelay: true,
    // The address is never a name, so nothing is looked up and nothing raced.
    autoSelectFamily: false,
    allowHalfOpen: true,
  };
}

/** Begins to open a TCP connection. */
export function connectTcp(address: Address, onread?: OnReadOpts): Socket {
  return createConnection({ ...connectOptions(address), ...(onread === undefined ? {} : { onread }) });
}
