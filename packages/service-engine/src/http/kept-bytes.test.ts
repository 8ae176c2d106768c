import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KeptBytes } from './kept-bytes.ts';

describe('bytes that are kept', () => {
  it('come back whole and in order, also where more is added later, whatever pieces they came in', () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { maxLength: 30 });
    fc.assert(
      fc.property(pieces, pieces, (first, second) => {
        const kept = new KeptBytes();
        for (const part of [first, second]) {
          for (const bytes of part) {
            const piece = Buffer.from(bytes);
            kept.add(piece);
            // It is only valid during the call.
            piece.fill(0);
          }
          const all = part === first ? first : [...first, ...second];
          assert.deepEqual(Buffer.concat(kept.blocks()), Buffer.concat(all));
          assert.equal(kept.length, Buffer.concat(all).length);
        }
      }),
    );
  });

  it('take some dozens of blocks, not tens of thousands, where each came by itself', () => {
    const kept = new KeptBytes();
    for (let count = 0; count < 65_536; count++) kept.add(Buffer.of(count));
    assert.ok(kept.blocks().length <= 64, `${kept.blocks().length} blocks`);
  });
});
