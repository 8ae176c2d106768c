import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FrameReader } from './frames.ts';

describe('frames', () => {
  it('give the messages back in order, however their bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 40 })),
        (values, cuts) => {
          // As JSON has them: -0 is 0 there.
          const messages = values.map((value) => JSON.parse(JSON.stringify(value)));
          const bytes = Buffer.concat(messages.map(encodeFrame));
          const reader = new FrameReader(1_000_000);
          const read: unknown[] = [];
          for (let at = 0, cut = 0; at < bytes.length; cut++) {
            const end = at + (cuts[cut % Math.max(1, cuts.length)] ?? 7);
            read.push(...reader.push(bytes.subarray(at, end)));
            at = end;
          }
          assert.deepEqual(read, messages);
        },
      ),
    );
  });

  it('are refused by their header when they are larger than allowed, before any of them is kept', () => {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(101);
    assert.throws(() => new FrameReader(100).push(header), { code: 'LINK_MALFORMED' });
    const largest = Buffer.from(encodeFrame('x'.repeat(98)));
    assert.equal(new FrameReader(100).push(largest).length, 1);
  });

  it('that are no JSON are refused without a word of them', () => {
    const frame = Buffer.from('\0\0\0\u0006secret', 'latin1');
    assert.throws(
      () => new FrameReader(100).push(frame),
      (error: Error) => !error.message.includes('secret') && error.message.includes('not JSON'),
    );
  });
});
