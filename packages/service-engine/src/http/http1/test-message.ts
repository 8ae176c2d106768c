// Whole requests for the tests of the codec: read as a downstream connection reads them, written as an upstream connection writes them.

import type { RequestHead } from '../message.ts';
import { ChunkedDecoder, chunkHeader, lastChunk } from './chunked-body.ts';
import { eachFieldLine } from './field-lines.ts';
import { type HeadLimits, parseRequestHead } from './request-head.ts';
import { requestHeadText } from './serialize.ts';

export const testHeadLimits: HeadLimits = {
  headLimitBytes: 16_384,
  fieldLineLimitBytes: 8192,
  fieldCountLimit: 100,
};
const CHUNKED_LIMITS = { trailerLimitBytes: 4096, extensionLimitBytes: 256 };

export interface TestMessage {
  readonly head: RequestHead;
  readonly body: Buffer;
  readonly trailerLines: string;
}

export interface TestReading {
  readonly messages: readonly TestMessage[];
  /** Why the reading stopped: all bytes are used, more are needed, or the error code of a refusal. */
  readonly end: string;
  readonly detail: string;
}

/** Reads the pieces as they would come from one connection, with a buffer of its own. */
export function readMessages(pieces: readonly Buffer[]): TestReading {
  const messages: TestMessage[] = [];
  let buffer: Buffer = Buffer.alloc(0);
  let searched = 0;
  let head: RequestHead | undefined;
  let decoder = new ChunkedDecoder(CHUNKED_LIMITS);
  let body: Buffer[] = [];
  let left = 0;
  const finish = (trailerLines: string): void => {
    messages.push({ head: head as RequestHead, body: Buffer.concat(body), trailerLines });
    head = undefined;
    body = [];
  };
  for (const piece of pieces) {
    buffer = Buffer.concat([buffer, piece]);
    while (buffer.length > 0) {
      if (head === undefined) {
        const parsed = parseRequestHead(buffer, 0, buffer.length, testHeadLimits, searched);
        if (parsed.kind === 'refused') return { messages, end: parsed.error, detail: parsed.detail };
        if (parsed.kind === 'incomplete') {
          searched = Math.max(0, buffer.length - 3);
          break;
        }
        searched = 0;
        head = parsed.head;
        buffer = buffer.subarray(parsed.headBytes);
        left = head.body.kind === 'length' ? head.body.bytes : 0;
        decoder = new ChunkedDecoder(CHUNKED_LIMITS);
        if (head.body.kind !== 'chunked' && left === 0) finish('');
      } else if (head.body.kind === 'chunked') {
        const result = decoder.decode(buffer, { onData: (part) => body.push(Buffer.from(part)) });
        if (result.kind === 'refused') return { messages, end: 'REQUEST_MALFORMED', detail: result.detail };
        buffer = result.kind === 'end' ? buffer.subarray(result.rest) : Buffer.alloc(0);
        if (result.kind === 'end') finish(result.trailerLines);
      } else {
        const part = buffer.subarray(0, left);
        body.push(part);
        left -= part.length;
        buffer = buffer.subarray(part.length);
        if (left === 0) finish('');
      }
    }
  }
  return { messages, end: head === undefined && buffer.length === 0 ? 'complete' : 'incomplete', detail: '' };
}

/** What goes to the server for a message. */
export function forwardedBytes({ head, body, trailerLines }: TestMessage): Buffer {
  const { fieldLines } = head;
  const authority = head.authority === '' ? 'fallback.test' : head.authority;
  const headBytes = Buffer.from(requestHeadText({ head, authority, fieldLines, body: head.body }), 'latin1');
  if (head.body.kind !== 'chunked') return Buffer.concat([headBytes, body]);
  const chunks = body.length === 0 ? [] : [Buffer.from(chunkHeader(body.length)), body, Buffer.from('\r\n')];
  return Buffer.concat([headBytes, ...chunks, Buffer.from(lastChunk(trailerLines), 'latin1')]);
}

/** Names and values of field lines, in turn. */
export function fieldPairs(lines: string): readonly string[] {
  const pairs: string[] = [];
  eachFieldLine(lines, (name, value) => pairs.push(name, value));
  return pairs;
}
