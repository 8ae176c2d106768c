import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PoolSnapshot } from '@limpet/model';
import { beginsRamp, RAMP_START_SHARE, shareInTable } from './server-share.ts';
import { ServerTable } from './server-table.ts';

const RAMP_MS = 600_000;
/** Where the 32 bits of the table come round. */
const NOW_MS = 2 ** 31 - 1000;

describe('the share of a server', () => {
  it('is whole where nothing is said of it', () => {
    const table = new ServerTable(ServerTable.allocate(1, 2), 1, 0);
    assert.equal(shareInTable(table, 1, RAMP_MS, NOW_MS), 1);
  });

  it('grows with time from a tenth to the whole, seen by every thread', () => {
    const memory = ServerTable.allocate(2, 2);
    const [main, worker] = [new ServerTable(memory, 2, -1), new ServerTable(memory, 2, 1)];
    main.startRamp(1, NOW_MS);
    const shares = [0, 0.05, 0.1, 0.25, 0.5, 0.999, 1, 2].map((part) =>
      shareInTable(worker, 1, RAMP_MS, NOW_MS + part * RAMP_MS),
    );
    const wanted = [RAMP_START_SHARE, RAMP_START_SHARE, 0.1, 0.25, 0.5, 0.999, 1, 1];
    for (const [at, share] of shares.entries())
      assert.ok(Math.abs(share - (wanted[at] as number)) < 1e-5, `${shares}`);
    assert.equal(shareInTable(worker, 0, RAMP_MS, NOW_MS), 1, 'the other server has its whole share');
  });

  it('is whole for ever after, though the clock of the table comes round', () => {
    const table = new ServerTable(ServerTable.allocate(1, 1), 1, 0);
    table.startRamp(0, NOW_MS);
    assert.equal(shareInTable(table, 0, RAMP_MS, NOW_MS + RAMP_MS), 1);
    assert.equal(shareInTable(table, 0, RAMP_MS, NOW_MS + 2 ** 32 + 10), 1);
  });

  it('is whole at once where the ramp takes no time', () => {
    const table = new ServerTable(ServerTable.allocate(1, 1), 1, 0);
    table.startRamp(0, NOW_MS);
    assert.equal(shareInTable(table, 0, 0, NOW_MS), 1);
  });

  it('is lowered by passive health, during a ramp too', () => {
    const table = new ServerTable(ServerTable.allocate(1, 1), 1, 0);
    table.setPassiveShare(0, 0.25);
    assert.equal(shareInTable(table, 0, RAMP_MS, NOW_MS), 0.25);
    table.startRamp(0, NOW_MS);
    assert.equal(shareInTable(table, 0, RAMP_MS, NOW_MS + RAMP_MS / 2), 0.125);
    table.setPassiveShare(0, 1);
    assert.equal(shareInTable(table, 0, RAMP_MS, NOW_MS + RAMP_MS), 1);
  });
});

describe('a ramp', () => {
  const server = { id: 'a' };
  const serving = (...servers: { readonly id: string; readonly enabled: boolean }[]) =>
    ({ servers }) as unknown as PoolSnapshot;

  it('begins when a server that was down is up', () => {
    assert.equal(beginsRamp('down', serving({ id: 'a', enabled: true }), server), true);
    assert.equal(beginsRamp('down', undefined, server), true);
  });

  it('begins for a server that joins a pool that serves, and for one that is enabled again', () => {
    assert.equal(beginsRamp('checking', serving({ id: 'b', enabled: true }), server), true);
    assert.equal(beginsRamp('up', serving({ id: 'a', enabled: false }), server), true);
  });

  it('does not begin in a new pool, nor for a server that was up all the time', () => {
    assert.equal(beginsRamp('checking', undefined, server), false);
    assert.equal(beginsRamp('up', serving({ id: 'a', enabled: true }), server), false);
  });
});
