// Reading a PROXY protocol header from a socket: owns it until the header is complete, then puts back what belongs to TLS or HTTP.

import type { Socket } from 'node:net';
import type { ErrorCode } from '@limpet/model';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import { type ProxyHeader, parseProxyHeader } from './parse-proxy-header.ts';

export type ProxyHeaderResult =
  | { readonly kind: 'header'; readonly header: ProxyHeader }
  | { readonly kind: 'refused'; readonly error: ErrorCode; readonly detail: string };

export interface ReadProxyHeaderOptions {
  readonly deadlines: Deadlines;
  readonly timeoutMs: number;
}

/**
 * Calls `done` once: with the header, the socket paused and every byte behind the header put back; or with the reason why there is none, the
 * socket as it is: the caller closes it.
 */
export function readProxyHeader(
  socket: Socket,
  options: ReadProxyHeaderOptions,
  done: (result: ProxyHeaderResult) => void,
): void {
  let received: Buffer | undefined;

  const finish = (result: ProxyHeaderResult): void => {
    deadline.cancel();
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
    done(result);
  };
  const onData = (chunk: Buffer): void => {
    // Joined anew each time: it is short, by the parser's limits.
    const bytes = received === undefined ? chunk : Buffer.concat([received, chunk]);
    const parsed = parseProxyHeader(bytes);
    switch (parsed.kind) {
      case 'incomplete':
        received = bytes;
        break;
      case 'refused':
        finish({ kind: 'refused', error: 'PROXY_HEADER_MALFORMED', detail: parsed.detail });
        break;
      case 'header':
        socket.pause();
        if (parsed.bytes < bytes.length) socket.unshift(bytes.subarray(parsed.bytes));
        finish({ kind: 'header', header: parsed.header });
        break;
    }
  };
  const onEnd = (): void =>
    finish({ kind: 'refused', error: 'CLIENT_GONE', detail: 'before its PROXY protocol header' });
  const deadline = options.deadlines.start(options.timeoutMs, () =>
    finish({
      kind: 'refused',
      error: 'PROXY_HEADER_TIMEOUT',
      detail: received === undefined ? 'not a byte' : 'incomplete',
    }),
  );
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  // A reset is told by 'close', too; an 'error' that nobody listens to would end the process.
  socket.on('error', IGNORE);
}

// Not made above: it would keep the bytes of the header as long as the socket.
const IGNORE = (): void => {};
