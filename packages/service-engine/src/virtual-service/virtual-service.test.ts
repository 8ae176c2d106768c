import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRingKeys, parseRingKeys, serializeRingKeys, wipeRingKeys } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { createKeyRing, type KeyRing } from '../session-ticket/key-ring.ts';
import { cryptoRandom } from '../session-ticket/test-ring.ts';
import type { MetricsRow } from '../telemetry/metrics-table.ts';
import { HANDSHAKE_TIMEOUT_MS, VirtualService, type VirtualServiceRuntime } from './virtual-service.ts';

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);
const makeRing = (): KeyRing => createKeyRing(createRingKeys(cryptoRandom, 1_800_000_000), 'vs');

describe('the former ticket keys of a virtual service', () => {
  it('are wiped when no handshake can need them any more, and not before (R5)', () => {
    const clock = createFakeClock();
    const [first, second] = [makeRing(), makeRing()];
    const virtualService = new VirtualService('vs', {} as MetricsRow, {} as VirtualServiceRuntime, first);
    virtualService.applyRing(second, clock.deadlines);
    assert.equal(virtualService.ring, second);
    clock.advance(HANDSHAKE_TIMEOUT_MS);
    assert.ok(!isZero(first.current.hmacKey));
    clock.advance(2000);
    for (const key of first.newestFirst) {
      assert.ok(isZero(key.hmacKey) && isZero(key.aesKey), key.role);
      assert.ok(key.isDestroyed);
    }
    assert.ok(isZero(first.affinitySecret));
    assert.ok(second.newestFirst.every((key) => !isZero(key.hmacKey) && !key.isDestroyed));
    clock.deadlines.stop();
  });

  it('are wiped at once where somebody may know them, and with the virtual service when that goes', () => {
    const clock = createFakeClock();
    const [first, second] = [makeRing(), makeRing()];
    const virtualService = new VirtualService('vs', {} as MetricsRow, {} as VirtualServiceRuntime, first);
    virtualService.applyRing(second, clock.deadlines, true);
    assert.ok(first.newestFirst.every((key) => key.isDestroyed && isZero(key.hmacKey)));
    assert.ok(!second.current.isDestroyed);
    virtualService.wipeRing();
    assert.ok(second.newestFirst.every((key) => key.isDestroyed));
    clock.deadlines.stop();
  });

  it('are kept where a new configuration brings the same ring', () => {
    const clock = createFakeClock();
    const ring = makeRing();
    const virtualService = new VirtualService('vs', {} as MetricsRow, {} as VirtualServiceRuntime, ring);
    virtualService.applyRing(ring, clock.deadlines);
    clock.advance(60_000);
    assert.ok(!ring.current.isDestroyed);
    clock.deadlines.stop();
  });
});

describe('the keys of a ring file', () => {
  it('leave nothing of themselves in what was derived, so that they can be wiped at once (R5)', () => {
    const keys = parseRingKeys(serializeRingKeys(createRingKeys(cryptoRandom, 1_800_000_000)));
    const ring = createKeyRing(keys, 'vs');
    wipeRingKeys(keys);
    assert.ok([keys.next.key, keys.current.key, keys.affinitySecret].every(isZero));
    assert.ok(!isZero(ring.current.hmacKey) && !isZero(ring.affinitySecret));
  });
});
