// A channel over a socket that the engine opens to a server, reading into one static buffer that all of them share.

import { createConnection, type OnReadOpts, type Socket } from 'node:net';
import type { Address } from '@limpet/model';
import { throwApart } from '../lifecycle/throw-apart.ts';
import { SocketChannel } from './socket-channel.ts';

// libuv asks for memory, reads and reports within one call, and a thread does one read at a time: so one buffer is enough,
// where a stream would allocate 64 kB a read. TLS decrypts into it in the same way. It is why listeners must copy what they keep.
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

export class ClientChannel extends SocketChannel {
  readonly ownsReadBuffer = false;

  /**
   * @param open makes the socket, with what it has to be told of reading; it is not connected yet.
   * @param onException an exception of the listener ends this channel, and so the request on it, and is reported here; it goes no further.
   */
  constructor(open: (onread: OnReadOpts) => Socket, onException = throwApart) {
    const socket = open({
      buffer: READ_BUFFER,
      callback: (bytes) => {
        this.receive(READ_BUFFER.subarray(0, bytes));
        return true;
      },
    });
    super(socket, socket, onException);
    socket.resume();
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
