// Parsing a response head of a server strictly (RFC 9112 §4, §6.3).

import type { BodyFraming, ResponseHead } from '../message.ts';
import { filterFieldLines, type HeadLimits, NameSieve, tokenList } from './field-lines.ts';
import { type FieldVisitor, faultOf, parseContentLength, scanHead, visitFields } from './head-scan.ts';

export type ParsedResponse =
  | { readonly kind: 'head'; readonly head: ResponseHead; readonly headBytes: number }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly error: 'RESPONSE_MALFORMED'; readonly detail: string };

const INCOMPLETE: ParsedResponse = Object.freeze({ kind: 'incomplete' });

// RFC 9110 §15: statuses from 600 on are invalid, and an HTTP/2 stream of Node throws on them.
const STATUS_LINE = /HTTP\/1\.[01] [1-5]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/y;
// Where its parts are: HTTP/1.1 200 OK
const MINOR_AT = 7;
const STATUS_AT = 9;
const REASON_AT = 13;

// What a server says of its own connection, and the id that the engine gave.
const SPECIAL = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'te',
  'x-request-id',
]);
const SPECIAL_SIEVE = new NameSieve(SPECIAL);
const CONNECTION_OPTIONS = new Set(['close', 'keep-alive', 'upgrade']);
const KEEP_ALIVE_TIMEOUT = /(?:^|[,\s])timeout=(\d{1,6})(?:[,\s]|$)/i;

/**
 * @param method of the request: a response to HEAD has no body, whatever its fields say.
 * @param asksForWebSocket whether a 101 is an answer to the request.
 */
export function parseResponseHead(
  bytes: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  method: string,
  asksForWebSocket = false,
): ParsedResponse {
  const scanned = scanHead(bytes, start, end, start, limits);
  if (scanned.kind === 'incomplete') return INCOMPLETE;
  if (scanned.kind === 'too-large') return refused('head too large');
  if (scanned.kind === 'malformed') return refused(scanned.detail);
  const { text } = scanned;
  STATUS_LINE.lastIndex = 0;
  if (!STATUS_LINE.test(text)) return refused(faultOf(text, 'status line'));
  const fieldsAt = STATUS_LINE.lastIndex;
  const minor = text[MINOR_AT];
  const status = Number(text.slice(STATUS_AT, STATUS_AT + 3));
  if (status === 101 && !asksForWebSocket) return refused('101 unasked for');
  const fields = new ResponseFields();
  const block = visitFields(text, fieldsAt, limits, fields);
  if (block.kind === 'too-large') return refused('field too large');
  if (block.kind === 'malformed') return refused(block.detail);
  if (status === 101 && (fields.upgrade !== 'websocket' || !fields.connection.includes('upgrade')))
    return refused('101 to another protocol');
  const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  const declared = fields.contentLength === undefined ? undefined : parseContentLength(fields.contentLength);
  if (fields.contentLength !== undefined && declared === undefined) return refused('Content-Length');
  const body = status === 101 ? TUNNEL : bodiless ? NO_BODY : frame(fields, declared, minor === '0');
  if (typeof body === 'string') return refused(body);
  // RFC 9110 §15.3.6: 205 has no content. Where its length is not declared, what might follow ends with the connection.
  const isReset = status === 205 && !bodiless;
  if (isReset && declared !== undefined && declared > 0) return refused('content with 205');
  const endsConnection = isReset && body.kind !== 'length';
  const named =
    fields.connection.length === 0
      ? NONE
      : fields.connection.filter((option) => !CONNECTION_OPTIONS.has(option));
  const closes = fields.connection.includes('close');
  return {
    kind: 'head',
    headBytes: text.length,
    head: {
      version: minor === '0' ? '1.0' : '1.1',
      status,
      reason: text.slice(REASON_AT, fieldsAt - 2),
      fieldLines:
        named.length === 0 ? block.lines : filterFieldLines(block.lines, (name) => !named.includes(name)),
      body: isReset ? EMPTY_BODY : body,
      declaredLength: bodiless && (method === 'HEAD' || status === 304) ? declared : undefined,
      keepAlive: !endsConnection && !closes && (minor === '1' || fields.connection.includes('keep-alive')),
      keepAliveS: fields.keepAliveS,
    },
  };
}

const NONE: readonly string[] = Object.freeze([]);
const NO_BODY: BodyFraming = Object.freeze({ kind: 'none' });
const EMPTY_BODY: BodyFraming = Object.freeze({ kind: 'length', bytes: 0 });
const TUNNEL: BodyFraming = Object.freeze({ kind: 'tunnel' });

class ResponseFields implements FieldVisitor {
  readonly sieve = SPECIAL_SIEVE;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  connection = NONE;
  upgrade = '';
  keepAliveS: number | undefined;

  onSpecial(name: string, value: string): boolean | string {
    switch (name) {
      case 'content-length':
        if (this.contentLength !== undefined) return 'several Content-Length fields';
        this.contentLength = value;
        return true;
      case 'transfer-encoding':
        if (this.transferEncoding !== undefined) return 'several Transfer-Encoding fields';
        this.transferEncoding = value;
        return true;
      case 'connection':
        this.connection = [...this.connection, ...tokenList(value)];
        return true;
      case 'upgrade':
        this.upgrade = value.toLowerCase();
        return true;
      case 'keep-alive': {
        const [, seconds] = KEEP_ALIVE_TIMEOUT.exec(value) ?? [];
        if (seconds !== undefined) this.keepAliveS = Number(seconds);
        return true;
      }
      default:
        return SPECIAL.has(name);
    }
  }
}

function frame(fields: ResponseFields, declared: number | undefined, http10: boolean): BodyFraming | string {
  if (fields.transferEncoding !== undefined) {
    if (declared !== undefined) return 'Content-Length with Transfer-Encoding';
    if (http10 || fields.transferEncoding.toLowerCase() !== 'chunked') return 'Transfer-Encoding';
    return { kind: 'chunked' };
  }
  return declared === undefined ? { kind: 'until-close' } : { kind: 'length', bytes: declared };
}

function refused(detail: string): ParsedResponse {
  return { kind: 'refused', error: 'RESPONSE_MALFORMED', detail };
}
