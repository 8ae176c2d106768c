import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResetBudget } from './reset-budget.ts';

/** How many could be taken, each so long after the one before. */
function takenAt(everyMs: number, limits: { burst: number; regainMs: number; most: number }): number {
  const budget = new ResetBudget(limits, 0);
  let taken = 1;
  while (budget.take(taken * everyMs) && taken < 10_000) taken++;
  return taken;
}

describe('a budget of resets', () => {
  it('is used up by a burst, forgets with time, and ends however slowly they come', () => {
    const limits = { burst: 10, regainMs: 1000, most: 100 };
    assert.equal(takenAt(0, limits), 10);
    assert.equal(takenAt(500, limits), 18, 'half of them come back');
    assert.equal(takenAt(1000, limits), 100);
    assert.equal(takenAt(60_000, limits), 100);
    assert.equal(takenAt(1000, { ...limits, most: Number.POSITIVE_INFINITY }), 10_000);
  });

  it('regains no more than it had, however long nothing is reset', () => {
    const budget = new ResetBudget({ burst: 3, regainMs: 1000, most: 100 }, 0);
    assert.deepEqual(
      [1, 2, 3].map(() => budget.take(3_600_000)),
      [true, true, false],
    );
  });
});
