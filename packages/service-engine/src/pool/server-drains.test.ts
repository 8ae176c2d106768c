import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PoolSnapshot } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { ServerDrains } from './server-drains.ts';
import { ServerTable } from './server-table.ts';

const MINUTE_MS = 60_000;

interface Options {
  /** Undefined: never. */
  readonly timeoutMs: number | undefined;
  readonly keepsPersisted?: boolean;
  readonly disabled?: readonly number[];
  readonly servers?: number;
}

/** A pool of three servers. */
function poolOf({ timeoutMs, keepsPersisted = false, disabled = [], servers = 3 }: Options): PoolSnapshot {
  return {
    uuid: 'pool',
    name: 'pool',
    persistence: { kind: 'tls', profileName: 'sticky', recovery: 'never' },
    servers: Array.from({ length: servers }, (_, at) => ({ id: `${at}`, enabled: !disabled.includes(at) })),
    gracefulDisable: { keepsPersisted, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
  } as unknown as PoolSnapshot;
}

function start() {
  const clock = createFakeClock();
  const table = new ServerTable(ServerTable.allocate(1, 4), 1, -1);
  const started: number[] = [];
  const over: number[] = [];
  const rowsGone = new Set<string>();
  const drains = new ServerDrains({
    clock,
    deadlines: clock.deadlines,
    serverTable: table,
    slotOf: (_pool, id) => (rowsGone.has(id) ? undefined : Number(id)),
    onStart: ({ slot }) => started.push(slot),
    onOver: ({ slot }) => over.push(slot),
  });
  return { clock, table, drains, started, over, rowsGone };
}

describe('the drain of a disabled server', () => {
  it('is over after the time of its pool, once', () => {
    const { clock, table, drains, started, over } = start();
    drains.apply([poolOf({ timeoutMs: 2 * MINUTE_MS })]);
    assert.deepEqual(started, []);
    const pool = poolOf({ timeoutMs: 2 * MINUTE_MS, disabled: [1] });
    drains.apply([pool]);
    assert.deepEqual(started, [1]);
    clock.advance(MINUTE_MS);
    drains.apply([pool]);
    const server = pool.servers[1] as PoolSnapshot['servers'][number];
    assert.deepEqual(drains.describe(pool, server), { over: false, leftMs: MINUTE_MS });
    assert.equal(table.isDrained(1), false);
    clock.advance(MINUTE_MS + 200);
    assert.deepEqual(over, [1]);
    assert.equal(table.isDrained(1), true);
    drains.apply([pool]);
    clock.advance(10 * MINUTE_MS);
    assert.deepEqual([started, over], [[1], [1]]);
    assert.equal(clock.deadlines.size, 0);
  });

  it('is over at once where the time is 0, and never where there is none', () => {
    const { clock, drains, over } = start();
    drains.apply([poolOf({ timeoutMs: 0, disabled: [0] })]);
    assert.deepEqual(over, [0]);
    const endless = start();
    endless.drains.apply([poolOf({ timeoutMs: undefined, disabled: [0] })]);
    endless.clock.advance(7200 * MINUTE_MS);
    assert.deepEqual(endless.over, []);
    assert.equal(clock.deadlines.size + endless.clock.deadlines.size, 0);
  });

  it('is cancelled by enabling the server again, and starts anew the next time', () => {
    const { clock, table, drains, started, over } = start();
    const disabled = poolOf({ timeoutMs: MINUTE_MS, disabled: [0] });
    drains.apply([disabled]);
    clock.advance(MINUTE_MS / 2);
    drains.apply([poolOf({ timeoutMs: MINUTE_MS })]);
    clock.advance(MINUTE_MS);
    assert.deepEqual(over, []);
    drains.apply([disabled]);
    assert.deepEqual(started, [0, 0]);
    clock.advance(MINUTE_MS + 200);
    assert.equal(table.isDrained(0), true);
    drains.apply([poolOf({ timeoutMs: MINUTE_MS })]);
    assert.equal(table.isDrained(0), false, 'its clients come back');
  });

  it('follows a change of the time, counted from its beginning', () => {
    const { clock, drains, over } = start();
    drains.apply([poolOf({ timeoutMs: undefined, disabled: [0, 1] })]);
    clock.advance(3 * MINUTE_MS);
    drains.apply([poolOf({ timeoutMs: 4 * MINUTE_MS, disabled: [0, 1] })]);
    assert.deepEqual(over, []);
    drains.apply([poolOf({ timeoutMs: 2 * MINUTE_MS, disabled: [0, 1] })]);
    assert.deepEqual(over, [0, 1], 'its time was over already');
    drains.apply([poolOf({ timeoutMs: undefined, disabled: [0, 1] })]);
    assert.deepEqual(over, [0, 1]);
  });

  it('ends with the server itself, and leaves its row alone then', () => {
    const { clock, table, drains, over, rowsGone } = start();
    drains.apply([poolOf({ timeoutMs: MINUTE_MS, disabled: [2] })]);
    rowsGone.add('2');
    drains.apply([poolOf({ timeoutMs: MINUTE_MS, servers: 2 })]);
    table.setDrained(2, true);
    clock.advance(2 * MINUTE_MS);
    assert.deepEqual(over, []);
    drains.apply([]);
    assert.equal(table.isDrained(2), true, 'the row may belong to another by now');
  });

  it('is over for good where a server leaves the pool and keeps its row, so that it may come back enabled', () => {
    const { table, drains } = start();
    drains.apply([poolOf({ timeoutMs: 0, disabled: [2] })]);
    assert.equal(table.isDrained(2), true);
    drains.apply([poolOf({ timeoutMs: 0, servers: 2 })]);
    drains.apply([poolOf({ timeoutMs: 0 })]);
    assert.equal(table.isDrained(2), false);
  });

  it('is watched by health monitors only while clients still come', () => {
    const { clock, drains } = start();
    const plain = poolOf({ timeoutMs: MINUTE_MS, disabled: [0] });
    const keeping = poolOf({ timeoutMs: MINUTE_MS, disabled: [0], keepsPersisted: true });
    const [first, second] = keeping.servers as [
      PoolSnapshot['servers'][number],
      PoolSnapshot['servers'][number],
    ];
    assert.equal(drains.isMonitored(plain, first), false);
    assert.equal(drains.isMonitored(keeping, first), true);
    assert.equal(drains.isMonitored(keeping, second), true);
    drains.apply([keeping]);
    assert.equal(drains.isMonitored(keeping, first), true);
    clock.advance(MINUTE_MS + 200);
    assert.equal(drains.isMonitored(keeping, first), false);
    assert.equal(drains.isMonitored(keeping, second), true);
  });
});
