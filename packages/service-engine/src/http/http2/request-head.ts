// The request head of an HTTP/2 stream, put through the same gate as an HTTP/1.1 head.

import type { ErrorCode } from '@limpet/model';
import { type HeadLimits, parseRequestHead } from '../http1/request-head.ts';
import { type BodyFraming, isEmptyBody, type RequestHead } from '../message.ts';

export type StreamHead =
  | { readonly kind: 'head'; readonly head: RequestHead }
  | { readonly kind: 'refused'; readonly error: ErrorCode; readonly detail: string };

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const LINE_BREAKING = /[\r\n\0]/;

/**
 * Writes the fields as an HTTP/1.1 head and parses that: what a server may be sent is decided in one place, and a field that could become a
 * line of its own is refused before (request smuggling by downgrade).
 *
 * @param rawHeaders names and values in turn, as node:http2 gives them (latin1).
 * @param endOfStream no body follows.
 * @param newWebSocketKey 16 random bytes in base64 (RFC 6455 §4.1), for a server that is asked in HTTP/1.1.
 */
export function requestHeadOf(
  rawHeaders: readonly string[],
  endOfStream: boolean,
  limits: HeadLimits,
  newWebSocketKey: () => string,
): StreamHead {
  let method = '';
  let path = '';
  let authority: string | undefined;
  let host: string | undefined;
  let cookie = '';
  let lines = '';
  let protocol: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    if (LINE_BREAKING.test(value)) return refused('line break in a field');
    switch (name) {
      case ':method':
        method = value;
        break;
      case ':path':
        // RFC 9113 §8.3.1. An absolute target would bring an authority of its own past the comparison below.
        if (!value.startsWith('/') && value !== '*') return refused('path');
        path = value;
        break;
      case ':authority':
        authority = value;
        break;
      case ':protocol':
        // RFC 8441 §4. node:http2 lets it pass only where we have offered it.
        if (value !== 'websocket') return refused('protocol of a CONNECT');
        protocol = value;
        break;
      case 'sec-websocket-key':
        // Of no use to an extended CONNECT (RFC 8441 §5); two would be one too many.
        if (protocol === undefined) lines += `${name}: ${value}\r\n`;
        break;
      case ':scheme':
        if (value !== 'https' && value !== 'http') return refused('scheme');
        break;
      case 'host':
        if (host !== undefined) return refused('several hosts');
        host = value;
        break;
      case 'cookie':
        // RFC 9113 §8.2.3: crumbs of one field.
        cookie = cookie === '' ? value : `${cookie}; ${value}`;
        break;
      case 'connection':
      case 'keep-alive':
      case 'proxy-connection':
      case 'transfer-encoding':
      case 'upgrade':
        // RFC 9113 §8.2.2.
        return refused('connection-specific field');
      default:
        if (!NAME.test(name)) return refused('field name');
        lines += `${name}: ${value}\r\n`;
    }
  }
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    return refused('host differs from :authority');
  }
  const cookieLine = cookie === '' ? '' : `cookie: ${cookie}\r\n`;
  // The server is asked in HTTP/1.1: a GET in place of CONNECT, and a key in place of the frames that made one unnecessary.
  if (protocol !== undefined && (method !== 'CONNECT' || endOfStream)) return refused('extended CONNECT');
  const upgradeLines = protocol === undefined ? '' : webSocketLines(newWebSocketKey());
  const verb = protocol === undefined ? method : 'GET';
  const text = `${verb} ${path} HTTP/1.1\r\nHost: ${authority ?? host ?? ''}\r\n${lines}${upgradeLines}${cookieLine}\r\n`;
  const bytes = Buffer.from(text, 'latin1');
  const parsed = parseRequestHead(bytes, 0, bytes.length, limits);
  if (parsed.kind === 'refused') return parsed;
  if (parsed.kind === 'incomplete' || parsed.headBytes !== bytes.length) return refused('head');
  const { head } = parsed;
  // A server would take the start of the next request for the body that is missing here.
  if (endOfStream && !isEmptyBody(head.body)) return refused('content-length without a body');
  return {
    kind: 'head',
    head: {
      ...head,
      version: '2',
      keepAlive: true,
      // What follows an extended CONNECT is the tunnel's, once there is one.
      body: protocol === undefined ? framing(head.body, endOfStream) : head.body,
    },
  };
}

function webSocketLines(key: string): string {
  return `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\n`;
}

function framing(declared: BodyFraming, endOfStream: boolean): BodyFraming {
  if (declared.kind === 'length') return declared;
  return { kind: endOfStream ? 'none' : 'stream' };
}

function refused(detail: string): StreamHead {
  return { kind: 'refused', error: 'REQUEST_MALFORMED', detail };
}
