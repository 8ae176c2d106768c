// Upgrade and restart of an engine under a supervisor: no connection is reset, no request is lost.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { useEchoBed } from './support/echo-bed.ts';
import { eventually, isAlive } from './support/engine.ts';
import { http2Session, keptConnection, type Load, newConnections, webSocket } from './support/steady-load.ts';

const UPGRADES = 5;

const bed = useEchoBed();

describe('an engine under a supervisor', () => {
  it(`is replaced ${UPGRADES} times under load: nothing is reset, nothing fails, a WebSocket goes on`, async () => {
    const engine = await bed.fleet.startSupervised(bed.configuration(), ['--workers', '2']);
    const { port } = engine;
    const tunnel = await webSocket(port);
    const loads: readonly Load[] = [
      newConnections(port),
      newConnections(port),
      newConnections(port),
      keptConnection(port),
      keptConnection(port),
      http2Session(port),
      http2Session(port),
      tunnel,
    ];
    const [first] = engine.pids as [number];
    for (let upgrade = 0; upgrade < UPGRADES; upgrade++) {
      const before = loads.map(({ done }) => done);
      await engine.upgrade();
      // Each has asked the new one, too. One that has failed stands still: its stop says why.
      const all = () => loads.every(({ done }, index) => done > (before[index] as number) + 3);
      await eventually(all, 'every client goes on').catch(() => {});
    }
    const done = await Promise.all(loads.filter((load) => load !== tunnel).map((load) => load.stop()));
    for (const times of done) assert.ok(times > UPGRADES * 3, `${done.join(', ')}`);
    assert.equal(engine.pids.length, UPGRADES + 1);
    assert.ok(isAlive(first), 'the first engine still carries the WebSocket');
    assert.ok((await tunnel.stop()) > UPGRADES * 3);
    for (const pid of engine.pids.slice(0, -1))
      await eventually(() => !isAlive(pid), `engine ${pid} ends, as it has no connection left`);
    await engine.stop();
    assert.equal(await engine.process.exited, 0);
  });
});
