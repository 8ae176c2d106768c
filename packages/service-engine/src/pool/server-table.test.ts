import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServerTable } from './server-table.ts';

function tables(workers: number) {
  const memory = ServerTable.allocate(workers, 4);
  const main = new ServerTable(memory, workers, -1);
  return {
    main,
    of: Array.from({ length: workers }, (_, worker) => new ServerTable(memory, workers, worker)),
  };
}

describe('the server table', () => {
  it('holds a connection limit exactly over all workers', () => {
    const { main, of } = tables(3);
    let taken = 0;
    for (let round = 0; round < 10; round++) for (const table of of) if (table.tryAddActive(2, 7)) taken++;
    assert.equal(taken, 7);
    assert.equal(main.active(2), 7);
    assert.equal(main.active(1), 0);
    of[1]?.removeActive(2);
    assert.equal(of[0]?.tryAddActive(2, 7), true);
    assert.equal(of[0]?.tryAddActive(2, 7), false);
    assert.equal(of[0]?.tryAddActive(2, 0), true, 'no limit');
  });

  it('gives back what a dead worker held, and nothing of the others', () => {
    const { main, of } = tables(2);
    for (const table of of) {
      table.addPlaced(0);
      table.addPlaced(0);
      table.tryAddActive(0, 0);
    }
    main.releaseWorker(1);
    assert.equal(main.placed(0), 2);
    assert.equal(main.active(0), 1);
    main.releaseWorker(1);
    assert.equal(main.placed(0), 2, 'once only');
  });

  it('shows every worker what the health monitors found', () => {
    const { main, of } = tables(2);
    assert.equal(of[0]?.health(3), 'checking');
    main.setHealth(3, 'up');
    assert.equal(of[1]?.health(3), 'up');
    main.setHealth(3, 'down');
    assert.equal(of[0]?.health(3), 'down');
    main.reset(3);
    assert.equal(of[0]?.health(3), 'checking');
  });

  it('forgets suspicion after its time, also where the clock wraps 32 bits', () => {
    const [table] = tables(1).of;
    for (const nowMs of [1000, 2 ** 31 - 5, 2 ** 32 - 5]) {
      table?.markSuspect(0, nowMs + 100);
      assert.equal(table?.isSuspect(0, nowMs), true);
      assert.equal(table?.isSuspect(0, nowMs + 99), true);
      assert.equal(table?.isSuspect(0, nowMs + 101), false);
    }
    table?.clearSuspect(0);
    assert.equal(table?.isSuspect(0, 0), false);
  });
});
