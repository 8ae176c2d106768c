// What metrics and records call the outcome of a request to a server.

import type { SignificanceCode } from '@limpet/model';
import { isLocalShortage } from '../channel/local-shortage.ts';
import type { UpstreamFailure } from './exchange.ts';

/** 0 for 1xx … 4 for 5xx and beyond: the place among the values of a metric's status class. */
export function statusClass(status: number): number {
  return Math.min(Math.max(Math.floor(status / 100), 1), 5) - 1;
}

/**
 * Whether the status says that the server, or what it depends on, cannot serve now. Not 500: that is about the one request more often than about the server, and a client could
 * bring it about.
 */
export function isServerFailure(status: number): boolean {
  return status >= 502 && status <= 504;
}

export function significanceOf(failure: UpstreamFailure): SignificanceCode {
  switch (failure.error) {
    case 'RESPONSE_MALFORMED':
      return 'ADF_SERVER_RESPONSE_INVALID';
    case 'RESPONSE_TIMEOUT':
      return 'ADF_SERVER_TIMEOUT';
    case 'SERVER_UNREACHABLE':
      return 'ADF_SERVER_CONNECT_FAILURE';
    case 'SERVER_HANDSHAKE_FAILED':
      return 'ADF_SERVER_SIDE_SSL_HANDSHAKE_FAILED';
    case 'SERVER_CERTIFICATE_INVALID':
      return 'ADF_SERVER_CERTIFICATE_VERIFICATION_FAILED';
    case 'SERVER_STREAM_RESET':
      return 'ADF_SERVER_STREAM_RESET';
    default:
      return 'ADF_SERVER_CONNECTION_LOST';
  }
}

/** Why no connection to a server was opened. */
export type ConnectError = 'SERVER_UNREACHABLE' | 'SERVER_HANDSHAKE_FAILED' | 'SERVER_CERTIFICATE_INVALID';

/** No connection to the server was opened. @param detail the system's error code, where there is one. */
export function neverConnected(cause: ConnectError, detail: string): UpstreamFailure {
  const error = isLocalShortage(detail) ? 'RESOURCES_SHORT' : cause;
  return { error, detail, neverSent: true, staleConnection: false, notProcessed: false };
}

/** The server is too slow. */
export function timedOut(detail: string): UpstreamFailure {
  return { error: 'RESPONSE_TIMEOUT', detail, neverSent: false, staleConnection: false, notProcessed: false };
}

/** What an operator may read of a socket error: its code, which names no address. */
export function socketErrorText(error: Error | undefined): string {
  if (error === undefined) return 'closed';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** The response breaks a rule that the profile sets. */
export function malformed(detail: string): UpstreamFailure {
  return {
    error: 'RESPONSE_MALFORMED',
    detail,
    neverSent: false,
    staleConnection: false,
    notProcessed: false,
  };
}
