// Resetting a connection (RST), where that is safe: the only caller of resetAndDestroy for connections that have been in use.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Once it has returned nothing is sent any more, and both sockets close by themselves.
 *
 * @param socket the one that was written to.
 * @param rawSocket the TCP socket beneath; the same one where there is no TLS.
 */
export function resetSocket(socket: Socket, rawSocket: Socket): void {
  if (rawSocket.destroyed) return;
  // libuv refuses to reset what it is shutting down (EINVAL), and Node has let go of the handle by then: its descriptor would stay open for ever. All that
  // was written has left by then, so that an end in order tells the peer nothing that is not so.
  const shuttingDown = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  // A TLSSocket that opened its own connection has nothing beneath it that could be reset.
  if (shuttingDown || rawSocket instanceof TLSSocket) rawSocket.destroy();
  // The TLSSocket on top follows. To destroy it here, too, would end the process where its handshake is on the stack, as it is in ticks and microtasks.
  else rawSocket.resetAndDestroy();
}
