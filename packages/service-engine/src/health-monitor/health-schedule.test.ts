import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HealthMonitorSnapshot, PoolSnapshot } from '@limpet/model';
import { type Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { seededRandom } from '../load-balancing/picker.conformance.ts';
import { HealthSchedule } from './health-schedule.ts';
import { type ProbeTarget, startTarget } from './probe-target.ts';

const INTERVAL_MS = 10_000;

const tcp: HealthMonitorSnapshot = Object.freeze({
  kind: 'tcp',
  name: 'tcp',
  sendIntervalMs: INTERVAL_MS,
  receiveTimeoutMs: 2000,
  successfulChecks: 1,
  failedChecks: 1,
});

/** Only as far as the schedule looks at it. */
function poolOf(
  ports: readonly number[],
  healthMonitors: readonly HealthMonitorSnapshot[] = [tcp],
): PoolSnapshot {
  const servers = ports.map((port, at) => ({
    id: (0xa00000000000 + at).toString(16),
    name: `server-${at}`,
    address: { ip: '127.0.0.1', port },
    ratio: 1,
    enabled: true,
  }));
  return {
    uuid: 'pool-1',
    name: 'shop',
    servers,
    healthMonitors,
    minMonitorsUp: 0,
  } as unknown as PoolSnapshot;
}

/** Counts the probes that have begun: each sets its receive timeout. */
class CountedDeadlines extends Deadlines {
  probes = 0;

  override start(afterMs: number, onExpire: () => void): Deadline {
    if (afterMs === tcp.receiveTimeoutMs) this.probes++;
    return super.start(afterMs, onExpire);
  }
}

function startSchedule() {
  const clock = createFakeClock();
  const deadlines = new CountedDeadlines(clock, clock.ticker);
  const told: string[] = [];
  const schedule = new HealthSchedule({
    clock,
    deadlines,
    random: seededRandom(),
    onTransition: ({ server, verdict, failureCode }) =>
      told.push([server.name, verdict, ...(failureCode === undefined ? [] : [failureCode])].join(' ')),
  });
  /** Goes on tick by tick, and lets the probes of each tick end. */
  const drive = async (target: ProbeTarget, forMs: number, onTick: (probes: number) => void = () => {}) => {
    for (let atMs = 0; atMs < forMs; atMs += 50) {
      const { probes } = deadlines;
      clock.advance(50);
      onTick(deadlines.probes - probes);
      await target.until(() => target.closed === deadlines.probes);
    }
  };
  return { clock, deadlines, told, schedule, drive };
}

/** A port where nothing listens. */
async function closedPort(): Promise<number> {
  const target = await startTarget();
  await target.stop();
  return target.address.port;
}

describe('the schedule of health checks', () => {
  it('gives every server a first verdict at once, without waiting for an interval', async () => {
    const target = await startTarget();
    const { told, schedule } = startSchedule();
    schedule.apply([poolOf([target.address.port, await closedPort()])]);
    await schedule.firstVerdicts();
    assert.deepEqual(told.toSorted(), ['server-0 up', 'server-1 down CONNECTION_REFUSED']);
    assert.deepEqual(
      schedule.describe().map(({ state, failure_code }) => [state, failure_code]),
      [
        ['OPER_UP', undefined],
        ['OPER_DOWN', 'CONNECTION_REFUSED'],
      ],
    );
    schedule.stop();
    await target.stop();
  });

  it('asks as often in a row as a first verdict needs', async () => {
    const target = await startTarget();
    const { told, schedule } = startSchedule();
    schedule.apply([poolOf([target.address.port], [{ ...tcp, successfulChecks: 3 }])]);
    await schedule.firstVerdicts();
    await target.until(() => target.closed === 3);
    assert.deepEqual(told, ['server-0 up']);
    assert.equal(target.connections, 3);
    schedule.stop();
    await target.stop();
  });

  it('takes a server without a monitor for up', async () => {
    const { told, schedule } = startSchedule();
    schedule.apply([poolOf([await closedPort()], [])]);
    await schedule.firstVerdicts();
    assert.deepEqual(told, ['server-0 up']);
    schedule.stop();
  });

  it('asks again each interval, and tells a change once', async () => {
    let well = true;
    const target = await startTarget((socket) => (well ? socket.write('well') : socket.end()));
    const { deadlines, told, schedule, drive } = startSchedule();
    const monitor: HealthMonitorSnapshot = { ...tcp, response: 'well', failedChecks: 2 };
    schedule.apply([poolOf([target.address.port], [monitor])]);
    await schedule.firstVerdicts();
    await target.until(() => target.closed === 1);
    // The first interval begins somewhere within; those that follow are whole ones.
    await drive(target, INTERVAL_MS + 100);
    const { probes } = deadlines;
    await drive(target, 3 * INTERVAL_MS);
    assert.ok(deadlines.probes - probes >= 2 && deadlines.probes - probes <= 3);
    assert.deepEqual(told, ['server-0 up']);

    well = false;
    await drive(target, INTERVAL_MS + 100);
    assert.deepEqual(told, ['server-0 up'], 'one failure of two');
    await drive(target, 4 * INTERVAL_MS);
    assert.deepEqual(told.slice(1), ['server-0 down PAYLOAD_CONTENT_MISMATCH']);

    well = true;
    await drive(target, 4 * INTERVAL_MS);
    assert.deepEqual(told.slice(2), ['server-0 up']);
    schedule.stop();
    await target.stop();
  });

  it('holds a server for down while one of its monitors says so', async () => {
    const target = await startTarget((socket) => socket.end('green'));
    const { told, schedule } = startSchedule();
    const green = { ...tcp, name: 'green', response: 'green' };
    const blue = { ...tcp, name: 'blue', response: 'blue' };
    schedule.apply([poolOf([target.address.port], [green, blue])]);
    await schedule.firstVerdicts();
    await target.until(() => target.closed === 2);
    assert.deepEqual(told, ['server-0 down PAYLOAD_CONTENT_MISMATCH']);
    schedule.stop();
    await target.stop();
  });

  it('spreads the servers of a pool over the interval', async () => {
    const target = await startTarget();
    const { deadlines, schedule, drive } = startSchedule();
    const count = 40;
    schedule.apply([poolOf(new Array<number>(count).fill(target.address.port))]);
    await schedule.firstVerdicts();
    await target.until(() => target.closed === count);
    const perQuarter: number[] = [];
    let most = 0;
    for (let quarter = 0; quarter < 4; quarter++) {
      const { probes } = deadlines;
      await drive(target, INTERVAL_MS / 4, (begun) => {
        most = Math.max(most, begun);
      });
      assert.equal(deadlines.size, count, 'each server waits for its next check');
      perQuarter.push(deadlines.probes - probes);
    }
    assert.ok(most <= 3, `${most} of ${count} servers were asked in one tick of 50 ms`);
    for (const one of perQuarter) assert.ok(one >= 4, `${perQuarter} in the quarters of an interval`);
    schedule.stop();
    await target.stop();
  });

  it('has 256 probes under way at most', async () => {
    const target = await startTarget();
    const { clock, deadlines, schedule } = startSchedule();
    const monitor: HealthMonitorSnapshot = { ...tcp, request: 'HELLO', response: 'never' };
    schedule.apply([poolOf(new Array<number>(300).fill(target.address.port), [monitor])]);
    const hellos = (): number => target.received.length / 5;
    await target.until(() => hellos() === 256);
    assert.equal(deadlines.size, 256);
    clock.advance(2100);
    await target.until(() => hellos() === 300);
    assert.equal(target.closed, 256);
    schedule.stop();
    await target.stop();
  });

  it('stops all sockets and timers, also of probes that wait their turn', async () => {
    const target = await startTarget();
    const { deadlines, told, schedule } = startSchedule();
    const monitor: HealthMonitorSnapshot = { ...tcp, request: 'HELLO', response: 'never' };
    schedule.apply([poolOf(new Array<number>(300).fill(target.address.port), [monitor])]);
    await target.until(() => target.received.length === 256 * 5);
    schedule.stop();
    await target.until(() => target.closed === 256);
    assert.equal(deadlines.size, 0);
    assert.equal(target.connections, 256);
    assert.deepEqual(told, []);
    await schedule.firstVerdicts();
    await target.stop();
  });

  it('begins anew with a server that moved to another address or got another monitor, and keeps the others', async () => {
    const target = await startTarget();
    const { deadlines, told, schedule } = startSchedule();
    const { port } = target.address;
    const pool = poolOf([port, port]);
    schedule.apply([pool]);
    await schedule.firstVerdicts();
    await target.until(() => target.closed === 2);

    schedule.apply([structuredClone(pool)]);
    assert.equal(deadlines.size, 2);
    const [first, second] = pool.servers;
    const moved = { ...second, id: 'b00000000000' } as PoolSnapshot['servers'][number];
    schedule.apply([{ ...pool, servers: [first as typeof moved, moved] }]);
    await schedule.firstVerdicts();
    await target.until(() => target.closed === 3);
    assert.deepEqual(told, ['server-0 up', 'server-1 up', 'server-1 up']);

    schedule.apply([{ ...pool, healthMonitors: [{ ...tcp, sendIntervalMs: 5000 }] }]);
    await schedule.firstVerdicts();
    await target.until(() => target.closed === 5);
    assert.equal(deadlines.size, 2);
    schedule.stop();
    assert.equal(deadlines.size, 0);
    await target.stop();
  });

  it('lets go of a server that is removed or disabled', async () => {
    const target = await startTarget();
    const { deadlines, schedule } = startSchedule();
    const { port } = target.address;
    const pool = poolOf([port, port, port]);
    schedule.apply([pool]);
    await schedule.firstVerdicts();
    const [first, second] = pool.servers;
    const disabled = { ...second, enabled: false } as PoolSnapshot['servers'][number];
    schedule.apply([{ ...pool, servers: [first as typeof disabled, disabled] }]);
    assert.deepEqual(
      schedule.describe().map(({ serverId }) => serverId),
      [first?.id],
    );
    assert.equal(deadlines.size, 1);
    schedule.stop();
    await target.stop();
  });

  it('takes a server for up while as many monitors say so as are asked for', async () => {
    const target = await startTarget();
    const { told, schedule } = startSchedule();
    const other = { ...tcp, name: 'other', port: await closedPort() };
    const pool = poolOf([target.address.port], [tcp, other]);
    schedule.apply([{ ...pool, minMonitorsUp: 1 }]);
    await schedule.firstVerdicts();
    assert.deepEqual(told, ['server-0 up']);
    schedule.apply([{ ...pool, minMonitorsUp: 2 }]);
    await schedule.firstVerdicts();
    assert.deepEqual(told, ['server-0 up', 'server-0 down CONNECTION_REFUSED']);
    schedule.stop();
    await target.stop();
  });

  it('tells of maintenance, goes on asking, and finds the server up again by itself', async () => {
    let says = 'maintenance';
    const target = await startTarget((socket) => socket.write(says));
    const { told, schedule, drive } = startSchedule();
    const monitor = { ...tcp, response: 'well', maintenanceResponse: 'maintenance' };
    schedule.apply([poolOf([target.address.port], [monitor])]);
    await schedule.firstVerdicts();
    await target.until(() => target.closed === 1);
    assert.equal(schedule.describe()[0]?.state, 'OPER_DOWN');
    says = 'well';
    await drive(target, INTERVAL_MS + 100);
    assert.deepEqual(told, ['server-0 maintenance MAINTENANCE_PAYLOAD_CONTENT_MATCH', 'server-0 up']);
    schedule.stop();
    await target.stop();
  });

  it('tells by its new name of a server that was renamed', async () => {
    let well = true;
    const target = await startTarget((socket) => (well ? socket.write('well') : socket.end()));
    const { told, schedule, drive } = startSchedule();
    const pool = poolOf([target.address.port], [{ ...tcp, response: 'well' }]);
    schedule.apply([pool]);
    await schedule.firstVerdicts();
    await target.until(() => target.closed === 1);
    well = false;
    const renamed = { ...pool.servers[0], name: 'tortoise' } as PoolSnapshot['servers'][number];
    schedule.apply([{ ...pool, servers: [renamed] }]);
    await drive(target, INTERVAL_MS + 100);
    assert.deepEqual(told, ['server-0 up', 'tortoise down PAYLOAD_CONTENT_MISMATCH']);
    schedule.stop();
    await target.stop();
  });
});
