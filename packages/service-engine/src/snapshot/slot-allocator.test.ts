import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SlotAllocator } from './slot-allocator.ts';

describe('slot numbers', () => {
  it('stay with their key while it is configured', () => {
    const slots = new SlotAllocator(
      10,
      () => true,
      () => {},
    );
    const first = slots.assign(['a', 'b']);
    const second = slots.assign(['b', 'c']);
    assert.equal(second.get('b'), first.get('b'));
    assert.equal(new Set([...first.values(), ...second.values()]).size, 3);
  });

  it('go to another key only when nothing is held under them any more', () => {
    const held = new Set<number>();
    const reused: number[] = [];
    const slots = new SlotAllocator(
      3,
      (slot) => !held.has(slot),
      (slot) => reused.push(slot),
    );
    const old = slots.assign(['a', 'b']).get('a') as number;
    held.add(old);
    slots.retain(new Set(['b']));
    assert.notEqual(slots.assign(['b', 'c']).get('c'), old, 'a connection still counts there');
    held.delete(old);
    assert.equal(slots.assign(['b', 'c', 'd']).get('d'), old);
    assert.equal(reused.filter((slot) => slot === old).length, 2, 'made ready each time');
  });

  it('run out with an error and take nothing then', () => {
    const slots = new SlotAllocator(
      2,
      () => true,
      () => {},
    );
    slots.assign(['a']);
    assert.throws(() => slots.assign(['a', 'b', 'c']), RangeError);
    assert.deepEqual([...slots.slots.keys()], ['a']);
  });
});
