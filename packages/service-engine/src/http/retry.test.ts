import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UpstreamFailure } from './exchange.ts';
import { ATTEMPTS_MAX, afterServerFailure, isUnharmed } from './retry.ts';

const refused: UpstreamFailure = {
  ...{ error: 'SERVER_STREAM_RESET', detail: 'REFUSED_STREAM', neverSent: false },
  ...{ staleConnection: false, notProcessed: true },
};
const whole = { mayResend: false, isWhole: true };

describe('a request that its server does not look at, however often it is asked', () => {
  it('goes to another server, whatever its method, where it may leave its own', () => {
    assert.equal(afterServerFailure(refused, undefined, whole, 1), 'other-server');
    assert.equal(afterServerFailure(refused, 'immediate', whole, 1), 'other-server');
  });

  it('is refused where it may not, where a part of it is gone, and where enough were asked', () => {
    for (const recovery of ['never', 'abort'] as const)
      assert.equal(afterServerFailure(refused, recovery, whole, 1), 'refuse');
    assert.equal(afterServerFailure(refused, 'immediate', { ...whole, isWhole: false }, 1), 'refuse');
    assert.equal(afterServerFailure(refused, 'immediate', whole, ATTEMPTS_MAX), 'refuse');
  });

  it('stays a failure of the server where the stream was reset for another reason', () => {
    assert.equal(afterServerFailure({ ...refused, notProcessed: false }, 'immediate', whole, 1), 'refuse');
  });
});

describe('a request that failed by what had become of its connection', () => {
  const worn: UpstreamFailure = { ...refused, detail: 'ENHANCE_YOUR_CALM', notProcessed: false };
  const failed = { ...worn, staleConnection: true };

  it('is sent again to the same server if it is idempotent, for this says nothing of the server', () => {
    assert.equal(isUnharmed(failed, { mayResend: true, isWhole: true }), true);
    assert.equal(isUnharmed(failed, whole), false);
    assert.equal(isUnharmed(worn, { mayResend: true, isWhole: true }), false);
  });

  it('is sent again whatever its method where the server did not look at it', () => {
    assert.equal(isUnharmed({ ...failed, notProcessed: true }, whole), true);
    assert.equal(isUnharmed({ ...failed, notProcessed: true }, { mayResend: false, isWhole: false }), false);
  });
});
