// One connection of a probe: connect, send, look at what comes back until it is enough, within the receive timeout.

import { createConnection } from 'node:net';
import { type Address, describeAddress } from '@limpet/model';
import { type FailureCode, MATCH_BYTES, type ProbeResult, type ProbeServices } from './probe.ts';

/** `ok` and `failed` end the probe; `more` waits for more bytes. */
export type Judgement =
  | { readonly kind: 'ok' }
  | { readonly kind: 'more' }
  | { readonly kind: 'failed'; readonly failureCode: FailureCode; readonly reason: string };

/**
 * @param judge is asked when the connection is open (with nothing), after each chunk with the first 2 kB that came so far, and when no more will come (`complete`).
 */
export function exchangeBytes(
  target: Address,
  request: string,
  timeoutMs: number,
  judge: (received: string, complete: boolean) => Judgement,
  { clock, deadlines, signal }: ProbeServices,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const startMs = clock.monotonicMs();
    let received = '';
    let connected = false;
    let settled = false;
    const socket = createConnection({ host: target.ip, port: target.port, autoSelectFamily: false });
    const finish = (result: ProbeResult): void => {
      if (settled) return;
      settled = true;
      deadline.cancel();
      signal?.removeEventListener('abort', abort);
      // Not end(): a server that never closes would keep the socket.
      socket.destroy();
      resolve(result);
    };
    const fail = (failureCode: FailureCode, reason: string): void =>
      finish({ ok: false, failureCode, reason });
    const abort = (): void => fail('CONNECTION_ERROR', 'the health monitor was stopped');
    const look = (complete: boolean): void => {
      const judged = judge(received, complete || received.length >= MATCH_BYTES);
      if (judged.kind === 'ok') finish({ ok: true, responseMs: clock.monotonicMs() - startMs });
      else if (judged.kind === 'failed') fail(judged.failureCode, judged.reason);
      else if (complete || received.length >= MATCH_BYTES)
        fail('PAYLOAD_CONTENT_MISMATCH', 'the answer is incomplete');
    };
    const deadline = deadlines.start(timeoutMs, () => {
      if (connected) fail('PAYLOAD_TIMEOUT', `no complete answer within ${timeoutMs} ms`);
      else fail('CONNECTION_TIMEOUT', `no connection within ${timeoutMs} ms`);
    });
    signal?.addEventListener('abort', abort);
    socket.on('connect', () => {
      connected = true;
      if (request !== '') socket.write(request, 'latin1');
      look(false);
    });
    socket.on('data', (chunk: Buffer) => {
      if (received.length < MATCH_BYTES)
        received += chunk.toString('latin1', 0, MATCH_BYTES - received.length);
      look(false);
    });
    socket.on('end', () => look(true));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      fail(failureCodeOf(error), `${error.code ?? error.message} at ${describeAddress(target)}`);
    });
    socket.on('close', () => look(true));
  });
}

function failureCodeOf({ code }: NodeJS.ErrnoException): FailureCode {
  switch (code) {
    case 'ECONNREFUSED':
      return 'CONNECTION_REFUSED';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'CONNECTION_RESET';
    case 'ETIMEDOUT':
      return 'CONNECTION_TIMEOUT';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'SERVER_UNREACHABLE';
    default:
      return 'CONNECTION_ERROR';
  }
}
