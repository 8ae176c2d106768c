// A channel that the engine opens to a server over TCP, reading into one static buffer that all of them share.

import { createConnection, type Socket } from 'node:net';
import type { Address } from '@limpet/model';
import type { Channel, ChannelListener } from './channel.ts';

// libuv asks for memory, reads and reports within one call, and a thread does one read at a time: so one buffer is enough,
// where a stream would allocate 64 kB a read. It is why listeners must copy what they keep.
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/** Told how the opening went; then the channel's listener is told the rest. */
export interface ConnectListener extends ChannelListener {
  onConnect(): void;
}

/** Begins to open a TCP connection. Where that fails, onClose is called with the error and onConnect never was. */
export function connectTcp(address: Address, listener: ConnectListener): Channel {
  return new TcpClientChannel(address, listener);
}

class TcpClientChannel implements Channel {
  listener: ChannelListener;
  readonly ownsReadBuffer = false;
  readonly #socket: Socket;
  #error: Error | undefined;

  constructor(address: Address, listener: ConnectListener) {
    this.listener = listener;
    this.#socket = createConnection({
      host: address.ip,
      port: address.port,
      noDelay: true,
      // The address is never a name, so nothing is looked up and nothing raced.
      autoSelectFamily: false,
      allowHalfOpen: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (bytes) => {
          this.listener.onData(READ_BUFFER.subarray(0, bytes));
          return true;
        },
      },
    });
    const socket = this.#socket;
    socket.on('connect', () => listener.onConnect());
    socket.on('end', () => this.listener.onEnd());
    socket.on('drain', () => this.listener.onDrain());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => this.listener.onClose(this.#error));
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
}
