// Writing heads: the text of a request to a server and of a response to a client (latin1).

import { STATUS_CODES } from 'node:http';
import type { UpstreamRequest } from '../exchange.ts';
import type { BodyFraming, ResponseHead } from '../message.ts';

export function requestHeadText({ head, authority, fieldLines, body }: UpstreamRequest): string {
  const hop = head.asksForWebSocket
    ? WEBSOCKET_LINES
    : head.acceptsTrailers
      ? 'TE: trailers\r\nConnection: TE\r\n'
      : '';
  return `${head.method} ${head.target} HTTP/1.1\r\nHost: ${authority}\r\n${fieldLines}${hop}${framingLines(body)}\r\n`;
}

export interface ResponseConnection {
  /** Whether the client may send another request. */
  readonly keepAlive: boolean;
  /** Of the request. */
  readonly version: '1.0' | '1.1';
  /** How long the client is told that the connection is kept, idle. */
  readonly keepAliveS?: number | undefined;
}

/** The status line always says 1.1: it is the version of the sender (RFC 9110 §6.2). */
export function responseHeadText(
  head: ResponseHead,
  connection: ResponseConnection,
  addedLines: string,
): string {
  if (head.body.kind === 'tunnel')
    return `${statusLine(head)}${head.fieldLines}${addedLines}${WEBSOCKET_LINES}\r\n`;
  const declared = head.declaredLength === undefined ? '' : `Content-Length: ${head.declaredLength}\r\n`;
  return `${statusLine(head)}${head.fieldLines}${addedLines}${declared}${framingLines(head.body)}${connectionLine(connection)}\r\n`;
}

const WEBSOCKET_LINES = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';

/** A 1xx head, but for 101. */
export function informationalHeadText(head: ResponseHead): string {
  return `${statusLine(head)}${head.fieldLines}\r\n`;
}

function statusLine({ status, reason }: ResponseHead): string {
  return `HTTP/1.1 ${status} ${reason === '' ? (STATUS_CODES[status] ?? '') : reason}\r\n`;
}

function framingLines(body: BodyFraming): string {
  switch (body.kind) {
    case 'length':
      return `Content-Length: ${body.bytes}\r\n`;
    case 'chunked':
    case 'stream':
      return 'Transfer-Encoding: chunked\r\n';
    default:
      return '';
  }
}

function connectionLine({ keepAlive, version, keepAliveS }: ResponseConnection): string {
  if (!keepAlive) return 'Connection: close\r\n';
  if (keepAliveS !== undefined) return `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveS}\r\n`;
  return version === '1.0' ? 'Connection: keep-alive\r\n' : '';
}
