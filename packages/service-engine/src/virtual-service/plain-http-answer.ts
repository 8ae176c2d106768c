// The answer to plain HTTP on a port for HTTPS: words for a person who left out the s, and the end.

import type { Socket } from 'node:net';
import { createErrorResponse } from '../http/error-response.ts';
import { responseHeadText } from '../http/http1/serialize.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';

/** How long the client may take to read it; a reset at once would take it away. */
const LINGER_MS = 2000;

/** Closes the socket by itself, after its deadline in any case. What the client still sends is read and dropped. */
export function answerPlainHttp(socket: Socket, deadlines: Deadlines, requestId: string): void {
  const { head, body } = createErrorResponse('PLAIN_HTTP_ON_TLS_PORT', requestId, 'GET');
  const ends = { keepAlive: false, version: '1.1' } as const;
  const deadline = deadlines.start(LINGER_MS, () => socket.destroy());
  socket.once('close', () => deadline.cancel());
  socket.once('end', () => socket.destroySoon());
  socket.resume();
  socket.end(
    responseHeadText(head, ends, `X-Request-Id: ${requestId}\r\n`) + body.toString('latin1'),
    'latin1',
  );
}
