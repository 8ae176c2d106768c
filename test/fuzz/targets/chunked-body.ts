// Fuzzed: the reader of chunked bodies. Judged by itself over other cuts, and by node:http where both accept.

import assert from 'node:assert/strict';
import {
  ChunkedDecoder,
  mayBeTrailer,
} from '../../../packages/service-engine/src/http/http1/chunked-body.ts';
import { Judge } from '../../../packages/service-engine/src/http/http1/test-judge.ts';
import { fieldPairs } from '../../../packages/service-engine/src/http/http1/test-message.ts';
import { type FuzzTarget, inBoundedTime } from '../fuzz-target.ts';
import { cutUp, mutateLines } from '../mutations.ts';
import { SeededRandom } from '../seeded-random.ts';

const SEEDS = [
  '5\r\nhello\r\n0\r\n\r\n',
  '0\r\n\r\n',
  '00005;a=b;c="d"\r\nhello\r\n0;x\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n',
  '1\r\na\r\nA\r\n0123456789\r\n0\r\n\r\nGET / HTTP/1.1\r\n',
  'ff\r\n',
  '0\r\nContent-Length: 5\r\nX_A: 1\r\n\r\n',
];
const DICTIONARY = [
  '0',
  '5',
  '0x5',
  '+5',
  '-5',
  '5 ',
  ' 5',
  '5;',
  ';a=b',
  ';a="\r\n"',
  'fffffffffffff',
  '10000000000000',
  '5_0',
  '',
  'X-A: 1',
  'Host: b',
  'Content-Length: 3',
  'Transfer-Encoding: chunked',
  ' folded',
  'hello',
];

// As the engine has them.
const LIMITS = { trailerLimitBytes: 16_384, extensionLimitBytes: 4096 };

interface Decoded {
  readonly end: 'more' | 'end' | 'refused';
  readonly data: Buffer;
  /** Bytes of the input that belong to the body. */
  readonly usedBytes: number;
  readonly trailerLines: string;
  readonly detail: string;
}

function decode(pieces: readonly Buffer[]): Decoded {
  const decoder = new ChunkedDecoder(LIMITS);
  const parts: Buffer[] = [];
  let usedBytes = 0;
  let detail = '';
  let end: Decoded['end'] = 'more';
  let trailerLines = '';
  for (const piece of pieces) {
    const result = decoder.decode(piece, { onData: (part) => parts.push(Buffer.from(part)) });
    if (result.kind === 'refused') {
      end = 'refused';
      detail = result.detail;
      break;
    }
    if (result.kind === 'end') {
      assert.ok(result.rest >= 0 && result.rest <= piece.length, 'the rest begins within the piece');
      usedBytes += result.rest;
      end = 'end';
      trailerLines = result.trailerLines;
      break;
    }
    usedBytes += piece.length;
  }
  return { end, data: Buffer.concat(parts), usedBytes, trailerLines, detail };
}

let judge: Judge | undefined;

export const chunkedBodyTarget: FuzzTarget = {
  name: 'chunked-body',
  seeds: SEEDS.map((text) => Buffer.from(text, 'latin1')),
  mutations: [mutateLines(DICTIONARY)],
  start: async () => {
    judge = await Judge.start();
  },
  stop: async () => judge?.stop(),
  check: async (input) => {
    const random = SeededRandom.of(input);
    const whole = inBoundedTime(() => decode([input]));
    const inPieces = inBoundedTime(() => decode(cutUp(input, random)));
    assert.equal(inPieces.end, whole.end, 'the same in pieces');
    assert.ok(whole.data.length <= input.length, 'no more data than came');
    if (whole.end !== 'refused') assert.deepEqual(inPieces, whole);
    if (whole.end !== 'end') return `${whole.end} ${whole.detail}`;
    for (const name of fieldPairs(whole.trailerLines).filter((_, index) => index % 2 === 0))
      assert.ok(mayBeTrailer(name.toLowerCase()), 'no trailer that frames, routes or authenticates');
    if (judge !== undefined && random.chance(3)) {
      const head = Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
      const { requests } = await judge.read(Buffer.concat([head, input.subarray(0, whole.usedBytes)]));
      // node:http may refuse what we take (it bounds extensions otherwise); where it accepts, it must have read the same.
      if (requests[0] !== undefined)
        assert.deepEqual(requests[0].body, whole.data, 'the body that node:http reads');
    }
    return `end ${whole.trailerLines !== ''} ${whole.data.length > 0} ${whole.usedBytes < input.length}`;
  },
};
