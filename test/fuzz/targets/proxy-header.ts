// Fuzzed: the parser of PROXY protocol headers. Judged by itself over other cuts, and by node:net on what an address is.

import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import {
  BINARY_LIMIT_BYTES,
  type ParsedProxyHeader,
  parseProxyHeader,
} from '../../../packages/service-engine/src/proxy-protocol/parse-proxy-header.ts';
import {
  proxied,
  textHeader,
} from '../../../packages/service-engine/src/proxy-protocol/test-proxy-header.ts';
import { type FuzzTarget, inBoundedTime } from '../fuzz-target.ts';
import { cutUp, mutateLines } from '../mutations.ts';
import { SeededRandom } from '../seeded-random.ts';

const v4 = { ip: '192.0.2.1', port: 51_000 };
const v6 = { ip: '2001:db8::1', port: 443 };

function parseInPieces(pieces: readonly Buffer[]): ParsedProxyHeader {
  let bytes = Buffer.alloc(0);
  let result: ParsedProxyHeader = { kind: 'incomplete' };
  for (const piece of pieces) {
    bytes = Buffer.concat([bytes, piece]);
    result = parseProxyHeader(bytes);
    if (result.kind !== 'incomplete') return result;
  }
  return result;
}

export const proxyHeaderTarget: FuzzTarget = {
  name: 'proxy-header',
  seeds: [
    textHeader(v4, v4),
    textHeader(v6, v6),
    Buffer.from('PROXY UNKNOWN\r\n', 'latin1'),
    proxied(v4, v4),
    proxied(v6, v6),
  ],
  mutations: [
    mutateLines([
      'PROXY TCP4 1.2.3.4 1.2.3.4 1 2',
      'PROXY TCP6 ::1 ::1 1 2',
      ' 65536',
      ' 01',
      '::ffff:1.2.3.4',
      ' ',
    ]),
  ],
  check: (input) => {
    const whole = inBoundedTime(() => parseProxyHeader(input));
    const inPieces = inBoundedTime(() => parseInPieces(cutUp(input, SeededRandom.of(input))));
    assert.equal(inPieces.kind, whole.kind, 'the same in pieces');
    if (whole.kind === 'incomplete') {
      assert.ok(input.length < BINARY_LIMIT_BYTES, 'no more bytes are waited for than are allowed');
      return 'incomplete';
    }
    if (whole.kind === 'refused') return whole.detail;
    assert.deepEqual(inPieces, whole);
    assert.ok(whole.bytes > 0 && whole.bytes <= input.length, 'the header came');
    const { header } = whole;
    if (header.kind === 'local') return 'local';
    for (const { ip, port } of [header.client, header.destination]) {
      assert.notEqual(isIP(ip), 0, 'an address');
      assert.ok(Number.isInteger(port) && port >= 0 && port <= 65_535, 'a port');
    }
    return `proxied ${isIP(header.client.ip)}`;
  },
};
