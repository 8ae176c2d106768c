import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIpPrefix } from './ip-prefix.ts';

describe('an IP prefix', () => {
  for (const [text, ip, bits] of [
    ['10.0.0.0/8', '10.0.0.0', 8],
    ['192.0.2.7', '192.0.2.7', 32],
    ['0.0.0.0/0', '0.0.0.0', 0],
    ['2001:DB8:0::/32', '2001:db8::', 32],
    ['::1', '::1', 128],
  ] as const) {
    it(`"${text}" is ${bits} bits of ${ip}`, () => assert.deepEqual(parseIpPrefix(text), { ip, bits }));
  }

  for (const text of [
    '',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0/8',
    '::/129',
    'fe80::1%eth0',
    'a',
    '::1/1/1',
  ]) {
    it(`"${text}" is none`, () => assert.equal(parseIpPrefix(text), undefined));
  }
});
