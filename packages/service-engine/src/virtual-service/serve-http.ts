// HTTP on a connection that is open: by the protocol that its handshake agreed on, HTTP/1.1 where there was none.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ErrorCode } from '@limpet/model';
import { createStreamChannel } from '../channel/stream-channel.ts';
import { Http1DownstreamConnection } from '../http/http1/downstream-connection.ts';
import { Http2DownstreamConnection } from '../http/http2/downstream-connection.ts';
import type { ClientConnection } from './client-connection.ts';

/**
 * @param socket the TLSSocket, or the raw one where there is no TLS.
 * @param onException told of exceptions, each of which ends the connection alone.
 */
export function serveHttp(
  connection: ClientConnection,
  socket: Socket,
  onException: (error: unknown) => void,
): void {
  const { rawSocket } = connection;
  const owner = { onClosed: (error: ErrorCode | undefined) => connection.end(error) };
  if (socket instanceof TLSSocket && socket.alpnProtocol === 'h2') {
    connection.serve(new Http2DownstreamConnection(socket, rawSocket, connection, owner));
  } else {
    const channel = createStreamChannel(socket, rawSocket, onException);
    connection.serve(new Http1DownstreamConnection(channel, connection, owner));
  }
}
