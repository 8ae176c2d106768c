// One connection of a probe: connect, send, look at what comes back until it is enough, within the receive timeout.

import { createConnection, type Socket } from 'node:net';
import { type Address, describeAddress, type MonitorTlsSnapshot } from '@limpet/model';
import { isLocalShortage } from '../channel/local-shortage.ts';
import { connectTls, tlsFailureOf } from '../channel/tls-client.ts';
import { type FailureCode, MATCH_BYTES, type ProbeResult, type ProbeServices } from './probe.ts';

/** `ok` and `failed` end the probe; `more` waits for more bytes. */
export type Judgement =
  | { readonly kind: 'ok' }
  | { readonly kind: 'more' }
  | { readonly kind: 'failed'; readonly failureCode: FailureCode; readonly reason: string };

/**
 * @param judge is asked when the connection is open (with nothing), after each chunk with the first 2 kB that came so far, and when no more will come (`complete`).
 * @param tls absent: in the clear.
 */
export function exchangeBytes(
  target: Address,
  request: string,
  timeoutMs: number,
  judge: (received: string, complete: boolean) => Judgement,
  { clock, deadlines, signal, tlsClientOf }: ProbeServices,
  tls?: MonitorTlsSnapshot,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const startMs = clock.monotonicMs();
    let received = '';
    let connected = false;
    /** Bytes can be exchanged. */
    let open = false;
    let settled = false;
    const onOpen = (): void => {
      open = true;
      if (request !== '') socket.write(request, 'latin1');
      look(false);
    };
    const openSocket = (): Socket => {
      if (tls === undefined)
        return createConnection({ host: target.ip, port: target.port, autoSelectFamily: false });
      if (tlsClientOf === undefined) throw new Error('a probe over TLS was given none');
      const client = tlsClientOf(tls.client);
      const { serverName, verifiedNames } = tls;
      // A probe that resumed a session would not look at the certificate.
      const options = {
        address: target,
        client,
        serverName,
        verifiedNames,
        protocols: [],
        session: undefined,
      };
      return connectTls(options, { onSecure: onOpen });
    };
    const socket = openSocket();
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
      if (connected && !open) {
        fail('SSL_ERROR', 'closed during the handshake');
        return;
      }
      const judged = judge(received, complete || received.length >= MATCH_BYTES);
      if (judged.kind === 'ok') finish({ ok: true, responseMs: clock.monotonicMs() - startMs });
      else if (judged.kind === 'failed') fail(judged.failureCode, judged.reason);
      else if (complete || received.length >= MATCH_BYTES)
        fail('PAYLOAD_CONTENT_MISMATCH', 'the answer is incomplete');
    };
    const deadline = deadlines.start(timeoutMs, () => {
      if (connected && !open) fail('SSL_ERROR', `no handshake within ${timeoutMs} ms`);
      else if (connected) fail('PAYLOAD_TIMEOUT', `no complete answer within ${timeoutMs} ms`);
      else fail('CONNECTION_TIMEOUT', `no connection within ${timeoutMs} ms`);
    });
    signal?.addEventListener('abort', abort);
    socket.on('connect', () => {
      connected = true;
      if (tls === undefined) onOpen();
    });
    socket.on('data', (chunk: Buffer) => {
      if (received.length < MATCH_BYTES)
        received += chunk.toString('latin1', 0, MATCH_BYTES - received.length);
      look(false);
    });
    socket.on('end', () => look(true));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const failureCode = !connected || open ? failureCodeOf(error) : handshakeFailure(error);
      fail(failureCode, `${error.code ?? error.message} at ${describeAddress(target)}`);
    });
    socket.on('close', () => look(true));
  });
}

function handshakeFailure(error: Error): FailureCode {
  return tlsFailureOf(error) === 'certificate' ? 'SSL_CERT_ERROR' : 'SSL_ERROR';
}

function failureCodeOf({ code }: NodeJS.ErrnoException): FailureCode {
  if (isLocalShortage(code)) return 'LOCAL_SHORTAGE';
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
