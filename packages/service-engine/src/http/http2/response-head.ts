// The response head of an HTTP/2 stream to a server, put through the same gate as an HTTP/1.1 head.

import type { HeadLimits } from '../http1/field-lines.ts';
import { parseResponseHead } from '../http1/response-head.ts';
import type { ResponseHead } from '../message.ts';

export type StreamResponse =
  | { readonly kind: 'head'; readonly head: ResponseHead }
  | { readonly kind: 'refused'; readonly detail: string };

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const STATUS = /^\d{3}$/;
const LINE_BREAKING = /[\r\n\0]/;
const CONNECTION_SPECIFIC = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/**
 * @param rawHeaders names and values in turn, as node:http2 gives them (latin1).
 * @param endOfStream no body follows.
 * @param method of the request.
 * @param webSocketAccept what proves a WebSocket to a client of HTTP/1.1; undefined: none was asked for.
 */
export function responseHeadOf(
  rawHeaders: readonly string[],
  endOfStream: boolean,
  method: string,
  webSocketAccept: string | undefined,
  limits: HeadLimits,
): StreamResponse {
  let status = '';
  let lines = '';
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    if (name === ':status') {
      status = value;
      continue;
    }
    // RFC 9113 §8.2.2.
    if (CONNECTION_SPECIFIC.has(name)) return refused('connection-specific field');
    if (!NAME.test(name) || LINE_BREAKING.test(value)) return refused('field');
    lines += `${name}: ${value}\r\n`;
  }
  if (!STATUS.test(status)) return refused('status');
  if (status === '101') return refused('101 in HTTP/2');
  const isTunnel = webSocketAccept !== undefined && /^2\d\d$/.test(status) && !endOfStream;
  // RFC 8441 §5: any 2xx opens the tunnel; forwarding knows it as the 101 that it is in HTTP/1.1.
  const text = isTunnel
    ? `HTTP/1.1 101\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${webSocketAccept}\r\n${lines}\r\n`
    : `HTTP/1.1 ${status}\r\n${lines}\r\n`;
  const bytes = Buffer.from(text, 'latin1');
  const parsed = parseResponseHead(bytes, 0, bytes.length, limits, method, isTunnel);
  if (parsed.kind === 'refused') return refused(parsed.detail);
  if (parsed.kind === 'incomplete' || parsed.headBytes !== bytes.length) return refused('head');
  const { head } = parsed;
  if (head.body.kind !== 'until-close') {
    const promised = head.body.kind === 'length' ? head.body.bytes : 0;
    if (endOfStream && promised > 0) return refused('content-length without a body');
    return { kind: 'head', head: { ...head, version: '2' } };
  }
  return {
    kind: 'head',
    head: { ...head, version: '2', body: endOfStream ? { kind: 'length', bytes: 0 } : { kind: 'stream' } },
  };
}

function refused(detail: string): StreamResponse {
  return { kind: 'refused', detail };
}
