// Parsing a request head strictly (RFC 9112 §3, §5, §6): what two servers could read in two ways is refused.

import type { ErrorCode } from '@limpet/model';
import type { BodyFraming, RequestHead } from '../message.ts';
import { filterFieldLines, type HeadLimits, NameSieve, nameToCgi, tokenList } from './field-lines.ts';
import { type FieldVisitor, faultOf, parseContentLength, scanHead, visitFields } from './head-scan.ts';

export type { HeadLimits };

export type ParsedRequest =
  | { readonly kind: 'head'; readonly head: RequestHead; readonly headBytes: number }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly error: ErrorCode; readonly detail: string };

const INCOMPLETE: ParsedRequest = Object.freeze({ kind: 'incomplete' });

// A token, one space, a target without spaces, control or non-ASCII characters, one space, the version.
const REQUEST_LINE = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP\/\d\.\d\r\n/y;
// What follows the target.
const VERSION_LENGTH = ' HTTP/1.1\r\n'.length;
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/;
const PORT_MAX = 65_535;
const ABSOLUTE_FORM = /^https?:\/\/([^/?]*)(.*)$/i;

/** Empty lines that may come before a request (RFC 9112 §2.2: at least one). */
const EMPTY_LINES_MAX = 2;

// Fields that Connection must not name: a server would lose what it authenticates or frames by (hop-by-hop abuse).
const NOT_HOP_BY_HOP = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'content-encoding',
  'authorization',
  'cookie',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-request-id',
]);
const CONNECTION_OPTIONS = new Set(['close', 'keep-alive', 'upgrade', 'te', 'http2-settings']);

/** Fields that do not go on as they are. What the engine says itself, or cannot vouch for, is among them. */
const SPECIAL = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'expect',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'http2-settings',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-request-id',
]);
const SPECIAL_SIEVE = new NameSieve(SPECIAL);

/**
 * @param bytes everything that is buffered, of which [start, end) is valid.
 * @param searchFrom no head ends before this offset: what an earlier call has searched.
 * @returns a refusal with the rule that was broken; values of the request are never quoted.
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  searchFrom = 0,
): ParsedRequest {
  let first = start;
  for (let lines = 0; lines < EMPTY_LINES_MAX && bytes[first] === 0x0d && bytes[first + 1] === 0x0a; lines++)
    first += 2;
  if (first >= end) return INCOMPLETE;
  const scanned = scanHead(bytes, first, end, searchFrom, limits);
  if (scanned.kind === 'incomplete') return INCOMPLETE;
  if (scanned.kind === 'too-large') return refused('REQUEST_HEAD_TOO_LARGE', 'head');
  if (scanned.kind === 'malformed') return refused('REQUEST_MALFORMED', scanned.detail);
  const { text } = scanned;
  REQUEST_LINE.lastIndex = 0;
  if (!REQUEST_LINE.test(text)) return refused('REQUEST_MALFORMED', faultOf(text, 'request line'));
  const fieldsAt = REQUEST_LINE.lastIndex;
  const methodEnd = text.indexOf(' ');
  const method = text.slice(0, methodEnd);
  const target = text.slice(methodEnd + 1, fieldsAt - VERSION_LENGTH);
  if (text[fieldsAt - 5] !== '1') return refused('VERSION_NOT_SUPPORTED', 'version');
  const version = text[fieldsAt - 3] === '0' ? '1.0' : '1.1';

  const fields = new RequestFields();
  const block = visitFields(text, fieldsAt, limits, fields);
  if (block.kind === 'too-large') return refused('REQUEST_HEAD_TOO_LARGE', 'field');
  if (block.kind === 'malformed') return refused('REQUEST_MALFORMED', block.detail);

  const place = parseTarget(method, target, fields.host, version);
  if (typeof place === 'string') return refused('REQUEST_MALFORMED', place);
  // A server answers TRACE with what the engine told it: cookies that scripts must not read, and fields that are not the client's to see.
  if (method === 'CONNECT' || method === 'TRACE') return refused('METHOD_NOT_SUPPORTED', method);
  const body = frame(fields, version);
  if ('error' in body) return body;
  const options = fields.connection;
  for (const option of options) {
    if (NOT_HOP_BY_HOP.has(option))
      return refused('REQUEST_MALFORMED', 'Connection names an end-to-end field');
  }
  const upgrade = options.includes('upgrade') ? fields.upgrade.toLowerCase() : '';
  // RFC 9110 §7.8: an offer of h2c may be left unanswered; any other protocol would change what follows.
  if (upgrade !== '' && upgrade !== 'h2c' && upgrade !== 'websocket')
    return refused('UPGRADE_NOT_SUPPORTED', 'upgrade');
  const asksForWebSocket = upgrade === 'websocket';
  // RFC 6455 §4.1. A body would stand where the server expects frames.
  if (asksForWebSocket && (method !== 'GET' || version === '1.0' || body.kind !== 'none'))
    return refused('REQUEST_MALFORMED', 'upgrade of something else than a GET without a body');
  if (fields.expect !== '' && (fields.expect.toLowerCase() !== '100-continue' || version === '1.0')) {
    if (version === '1.1') return refused('EXPECTATION_FAILED', 'expect');
  }
  const named = options.length === 0 ? NONE : options.filter((option) => !CONNECTION_OPTIONS.has(option));
  return {
    kind: 'head',
    headBytes: first - start + text.length,
    head: {
      version,
      method,
      target: place.target,
      authority: place.authority,
      fieldLines:
        named.length === 0 ? block.lines : filterFieldLines(block.lines, (name) => !named.includes(name)),
      forwardedFor: fields.forwardedFor,
      forwarded: fields.forwarded,
      body,
      keepAlive:
        version === '1.1'
          ? !options.includes('close')
          : options.includes('keep-alive') && !options.includes('close'),
      expectContinue: version === '1.1' && fields.expect !== '' && body.kind !== 'none',
      acceptsTrailers: fields.te.includes('trailers'),
      asksForWebSocket,
    },
  };
}

const NONE: readonly string[] = Object.freeze([]);

/** Collects the special fields of one request; each that may stand once refuses to stand twice. */
class RequestFields implements FieldVisitor {
  readonly sieve = SPECIAL_SIEVE;
  host: string | undefined;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  connection = NONE;
  te = NONE;
  expect = '';
  upgrade = '';
  forwardedFor = '';
  forwarded = '';

  onSpecial(name: string, value: string): boolean | string {
    switch (name) {
      case 'host':
        if (this.host !== undefined) return 'several Host fields';
        this.host = value;
        return true;
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
      case 'te':
        this.te = [...this.te, ...tokenList(value)];
        return true;
      case 'expect':
        if (this.expect !== '') return 'several Expect fields';
        this.expect = value;
        return true;
      case 'upgrade':
        this.upgrade = this.upgrade === '' ? value : `${this.upgrade}, ${value}`;
        return true;
      case 'x-forwarded-for':
        this.forwardedFor = this.forwardedFor === '' ? value : `${this.forwardedFor}, ${value}`;
        return true;
      case 'forwarded':
        this.forwarded = this.forwarded === '' ? value : `${this.forwarded}, ${value}`;
        return true;
      default:
        // What a server would read as Content-Length, or as our X-Forwarded-For, goes no further.
        return SPECIAL.has(nameToCgi(name));
    }
  }
}

/** Target and authority, or the rule that is broken (RFC 9112 §3.2). */
function parseTarget(
  method: string,
  target: string,
  host: string | undefined,
  version: '1.0' | '1.1',
): { readonly target: string; readonly authority: string } | string {
  if (host === undefined && version === '1.1') return 'no Host field';
  if (host !== undefined && !isAuthority(host)) return 'Host';
  if (target.includes('#')) return 'fragment in the target';
  if (target.startsWith('/')) return { target, authority: host ?? '' };
  if (method === 'CONNECT') return { target, authority: '' };
  if (target === '*') return method === 'OPTIONS' ? { target, authority: host ?? '' } : 'asterisk target';
  const absolute = ABSOLUTE_FORM.exec(target);
  // §3.2.2: the authority of an absolute target counts, and Host is ignored. Userinfo does not match.
  if (absolute === null || !isAuthority(absolute[1] ?? '')) return 'target';
  const path = absolute[2] ?? '';
  // §3.2.4: this is how a client of a proxy writes OPTIONS *.
  if (path === '' && method === 'OPTIONS') return { target: '*', authority: absolute[1] ?? '' };
  return { target: path.startsWith('/') ? path : `/${path}`, authority: absolute[1] ?? '' };
}

function isAuthority(text: string): boolean {
  if (!AUTHORITY.test(text)) return false;
  const colon = text.lastIndexOf(':');
  return colon < 0 || text.endsWith(']') || Number(text.slice(colon + 1)) <= PORT_MAX;
}

function frame(
  fields: RequestFields,
  version: '1.0' | '1.1',
): BodyFraming | (ParsedRequest & { kind: 'refused' }) {
  const { contentLength, transferEncoding } = fields;
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined)
      return refused('REQUEST_MALFORMED', 'Content-Length with Transfer-Encoding');
    if (version === '1.0') return refused('REQUEST_MALFORMED', 'Transfer-Encoding in HTTP/1.0');
    if (transferEncoding.toLowerCase() === 'chunked') return { kind: 'chunked' };
    const codings = tokenList(transferEncoding);
    // A coding that we know nothing of is honest; chunked anywhere but alone is an attempt at being read in two ways.
    const honest =
      codings.length > 0 &&
      codings.every((coding) => /^[a-z0-9-]+$/.test(coding) && !coding.includes('chunked'));
    return honest
      ? refused('TRANSFER_CODING_NOT_SUPPORTED', 'transfer coding')
      : refused('REQUEST_MALFORMED', 'Transfer-Encoding');
  }
  if (contentLength === undefined) return { kind: 'none' };
  const bytes = parseContentLength(contentLength);
  return bytes === undefined ? refused('REQUEST_MALFORMED', 'Content-Length') : { kind: 'length', bytes };
}

function refused(error: ErrorCode, detail: string): ParsedRequest & { kind: 'refused' } {
  return { kind: 'refused', error, detail };
}
