import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRingKeys, rotateRingKeys, serializeRingKeys } from '@limpet/model';
import {
  changedRings,
  describeRings,
  mergedRings,
  type RingFacts,
  type RingTexts,
  ringTextOf,
} from './ring-texts.ts';
import { cryptoRandom } from './test-ring.ts';

const NOW_S = 1_800_000_000;
const text = (rotations = 0): string => {
  const keys = createRingKeys(cryptoRandom, NOW_S);
  return serializeRingKeys(rotations === 0 ? keys : rotateRingKeys(keys, cryptoRandom, NOW_S + 100));
};
const each = (rings: Record<string, string>): RingTexts => ({
  kind: 'each',
  byVirtualService: new Map(Object.entries(rings)),
});

describe('the rings of virtual services', () => {
  it('are one for all of a file, and each its own of a Controller', () => {
    assert.equal(ringTextOf({ kind: 'one', text: 'a' }, 'any'), 'a');
    assert.equal(ringTextOf(each({ v: 'a', w: 'b' }), 'w'), 'b');
    assert.throws(() => ringTextOf(each({ v: 'a' }), 'w'), { code: 'KEYS_INVALID' });
  });

  it('that have changed are told from those that have not', () => {
    const former = each({ v: 'a', w: 'b' });
    assert.equal(changedRings(former, each({ v: 'a' })), undefined);
    assert.deepEqual(changedRings(former, each({ v: 'a', w: 'c', x: 'd' })), each({ w: 'c', x: 'd' }));
    assert.deepEqual(mergedRings(former, each({ w: 'c' })), each({ v: 'a', w: 'c' }));
    assert.equal(changedRings({ kind: 'one', text: 'a' }, { kind: 'one', text: 'a' }), undefined);
    // From a file to a Controller.
    assert.deepEqual(changedRings({ kind: 'one', text: 'a' }, former), former);
  });

  it('are described without their keys, each text looked into once', () => {
    const [first, second] = [text(), text(1)];
    const known = new Map<string, RingFacts>();
    const facts = describeRings(each({ v: first, w: second, x: second }), ['v', 'w'], known);
    assert.deepEqual([...facts.keys()], ['v', 'w']);
    assert.equal(facts.get('v')?.rotations, 0);
    assert.deepEqual(facts.get('w'), {
      rotations: 1,
      rotatedAtS: NOW_S + 100,
      rotatePeriodS: 21_600,
      keys: 3,
    });
    assert.equal(describeRings(each({ w: second }), ['w'], known).get('w'), facts.get('w'));
    assert.deepEqual([...known.keys()], [second]);
  });

  it('are refused where one is weak or missing', () => {
    assert.throws(() => describeRings(each({ v: 'no ring' }), ['v'], new Map()), { code: 'KEYS_INVALID' });
    assert.throws(() => describeRings({ kind: 'one', text: 'no ring' }, [], new Map()), {
      code: 'KEYS_INVALID',
    });
    assert.throws(() => describeRings(each({}), ['v'], new Map()), { code: 'KEYS_INVALID' });
  });
});
