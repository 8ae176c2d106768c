// Reading a ClientHello from a socket: owns it until the hello is complete, then puts the bytes back.

import type { Socket } from 'node:net';
import type { ErrorCode } from '@limpet/model';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { ClientHello } from './client-hello.ts';
import { NO_PROGRESS } from './hello-records.ts';
import { parseClientHello } from './parse-client-hello.ts';
import { ReceivedBytes } from './received-bytes.ts';

export type HelloResult =
  | { readonly kind: 'hello'; readonly hello: ClientHello }
  | { readonly kind: 'refused'; readonly error: ErrorCode; readonly detail: string };

/** The beginning of a method, or a whole one: no TLS record begins with a letter. */
const METHOD = /^[A-Z]{1,20}(?: |$)/;

export interface ReadHelloOptions {
  readonly deadlines: Deadlines;
  readonly timeoutMs: number;
}

/**
 * Calls `done` once: with the hello, the socket paused and every byte put back so that a tls.Server sees them all; or with the reason why there
 * is none, the socket as it is: the caller closes it.
 */
export function readClientHello(
  socket: Socket,
  options: ReadHelloOptions,
  done: (result: HelloResult) => void,
): void {
  const received = new ReceivedBytes();
  let progress = NO_PROGRESS;

  const finish = (result: HelloResult): void => {
    deadline.cancel();
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
    done(result);
  };
  const onData = (chunk: Buffer): void => {
    try {
      onBytes(chunk);
    } catch (error) {
      // A defect: it ends this connection now, not when its time is up, and is reported as what it is.
      finish({ kind: 'refused', error: 'INTERNAL', detail: '' });
      throw error;
    }
  };
  const onBytes = (chunk: Buffer): void => {
    const bytes = received.append(chunk);
    const result = parseClientHello(bytes, progress);
    if (result.kind === 'incomplete') {
      progress = result.progress;
      return;
    }
    if (result.kind === 'hello') {
      socket.pause();
      socket.unshift(bytes);
    }
    const isPlainHttp =
      result.kind === 'refused' &&
      result.error === 'HELLO_NOT_TLS' &&
      METHOD.test(bytes.toString('latin1', 0, 32));
    finish(isPlainHttp ? { ...result, error: 'PLAIN_HTTP_ON_TLS_PORT' } : result);
  };
  const onEnd = (): void =>
    finish({ kind: 'refused', error: 'CLIENT_GONE', detail: 'before its ClientHello' });
  const deadline = options.deadlines.start(options.timeoutMs, () =>
    finish({
      kind: 'refused',
      error: 'HELLO_TIMEOUT',
      detail: received.length === 0 ? 'not a byte' : 'incomplete',
    }),
  );
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  // A reset is told by 'close', too. This listener stays: until TLS has its own, an 'error' without one would end the process.
  socket.on('error', IGNORE);
}

// Not made above: it would keep the bytes of the hello as long as the socket.
const IGNORE = (): void => {};
