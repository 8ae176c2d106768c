// A channel over a socket that reads as streams do: one that was accepted, or one whose reader was not chosen when it was opened.

import type { Socket } from 'node:net';
import type { Channel } from './channel.ts';
import { SocketChannel } from './socket-channel.ts';

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

class StreamChannel extends SocketChannel {
  readonly ownsReadBuffer = true;

  constructor(socket: Socket, rawSocket: Socket, onException: (error: unknown) => void) {
    super(socket, rawSocket, onException);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
  }
}
