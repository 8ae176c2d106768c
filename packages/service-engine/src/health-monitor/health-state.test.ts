import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type HealthThresholds,
  type HealthVerdict,
  initialHealth,
  nextHealth,
  verdictOf,
} from './health-state.ts';

/** The verdict after each check of a row like `++-m`. */
function verdicts(checks: string, thresholds: HealthThresholds): string {
  let state = initialHealth;
  let told = '';
  for (const check of checks) {
    state = nextHealth(state, check === '+' ? 'ok' : check === 'm' ? 'maintenance' : 'failed', thresholds);
    told += state.verdict.charAt(0);
  }
  return told;
}

const two = { successfulChecks: 2, failedChecks: 2 };

describe('the health state', () => {
  it('is up after as many successes in a row as are asked for, also the first time', () => {
    assert.equal(verdicts('+', { successfulChecks: 1, failedChecks: 1 }), 'u');
    assert.equal(verdicts('+++', { successfulChecks: 3, failedChecks: 1 }), 'ccu');
  });

  it('is down at the first failure that comes before any verdict', () => {
    assert.equal(verdicts('-', { successfulChecks: 5, failedChecks: 5 }), 'd');
    assert.equal(verdicts('++-', { successfulChecks: 5, failedChecks: 5 }), 'ccd');
  });

  it('goes down after as many failures in a row as are asked for, and a success between starts the count anew', () => {
    assert.equal(verdicts('++-+-+--', two), 'cuuuuuud');
  });

  it('comes up again after as many successes in a row, and a failure between starts the count anew', () => {
    assert.equal(verdicts('-+-+-++', two), 'ddddddu');
  });

  it('is maintenance after as many answers that say so, and up again like any other', () => {
    assert.equal(verdicts('++m+mm++', two), 'cuuuummu');
    assert.equal(verdicts('m', two), 'm');
  });

  it('is what its last failed check says while it is not up', () => {
    assert.equal(verdicts('--mm-+m', two), 'ddmmddm');
  });

  it('changes only on a row of checks that all said so', () => {
    const thresholds = fc.record({
      successfulChecks: fc.integer({ min: 1, max: 5 }),
      failedChecks: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(thresholds, fc.array(fc.boolean(), { maxLength: 80 }), (limits, checks) => {
        let state = initialHealth;
        for (const [at, ok] of checks.entries()) {
          const before = state;
          state = nextHealth(state, ok ? 'ok' : 'failed', limits);
          assert.notEqual(state.verdict === 'checking' && !ok, true, 'a failure always gives a verdict');
          if (state.verdict === before.verdict) continue;
          const needed = state.verdict === 'up' ? limits.successfulChecks : limits.failedChecks;
          const row = checks.slice(Math.max(0, at + 1 - needed), at + 1);
          if (before.verdict !== 'checking') assert.equal(row.length, needed);
          if (before.verdict !== 'checking' || state.verdict === 'up') {
            assert.ok(row.every((one) => one === (state.verdict === 'up')));
          }
        }
      }),
    );
  });

  it('does not alter the state that it is given', () => {
    assert.ok(Object.isFrozen(initialHealth));
    const before = nextHealth(initialHealth, 'ok', two);
    nextHealth(before, 'failed', two);
    assert.deepEqual(before, { verdict: 'checking', successes: 1, failures: 0 });
  });
});

describe('the verdict of several monitors', () => {
  const states: Readonly<Record<string, HealthVerdict>> = {
    u: 'up',
    d: 'down',
    m: 'maintenance',
    c: 'checking',
  };
  const verdict = (letters: string, minUp: number): HealthVerdict =>
    verdictOf(
      [...letters].map((letter) => states[letter] as HealthVerdict),
      minUp,
    );

  it('is up where all say so, or as many as are asked for', () => {
    assert.equal(verdict('uuu', 0), 'up');
    assert.equal(verdict('udm', 1), 'up');
    assert.equal(verdict('ucc', 1), 'up');
    assert.equal(verdict('u', 5), 'up', 'no more can be asked for than there are');
  });

  it('is down as soon as too few are left that could say up', () => {
    assert.equal(verdict('udc', 0), 'down');
    assert.equal(verdict('ddu', 2), 'down');
    assert.equal(verdict('dm', 0), 'down');
  });

  it('is maintenance where only that is in the way', () => {
    assert.equal(verdict('um', 0), 'maintenance');
    assert.equal(verdict('dmm', 1), 'maintenance');
  });

  it('is not known while a monitor may still say what is missing', () => {
    assert.equal(verdict('uc', 0), 'checking');
    assert.equal(verdict('dc', 1), 'checking');
    assert.equal(verdict('mc', 0), 'maintenance', 'it cannot');
  });
});
