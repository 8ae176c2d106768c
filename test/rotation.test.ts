import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('a ring that is rotated', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines();
  });
  after(() => bed.stop());

  const rotations = (wanted: number) =>
    Promise.all(
      bed.engines.map((engine) =>
        eventually(
          async () => (await engine.runtime()).ticket_keys.rotations === wanted,
          `${wanted} rotations`,
        ),
      ),
    );

  it('twice under load loses no mapping, in TLS 1.3 and 1.2 (R4)', async () => {
    const idle = new TicketClient({ version: 'TLSv1.3', servername: 'idle.limpet.test' });
    const idleServer = (await idle.visit(bed.ports[0])).server;
    let running = true;
    const visits = Array.from({ length: 8 }, () => 0);
    const load = visits.map(async (_, index) => {
      const version = index % 2 === 0 ? 'TLSv1.3' : 'TLSv1.2';
      const client = new TicketClient({ version, servername: `load-${index}.limpet.test` });
      const { server } = await client.visit(bed.ports[0]);
      while (running) {
        const turn = visits[index] as number;
        assert.equal((await client.visit(bed.ports[turn % 2] as number)).server, server);
        visits[index] = turn + 1;
      }
    });
    const first = await bed.fleet.limpet('keys', 'rotate', bed.fleet.ringFile);
    assert.equal(first.code, 0, first.stderr);
    await rotations(1);
    const tooSoon = await bed.fleet.limpet('keys', 'rotate', bed.fleet.ringFile);
    assert.equal(tooSoon.code, 2);
    assert.match(tooSoon.stderr, /less than 60 s ago.*--force/);
    const second = await bed.fleet.limpet('keys', 'rotate', bed.fleet.ringFile, '--force');
    assert.equal(second.code, 0, second.stderr);
    await rotations(2);
    const back = await idle.visit(bed.ports[1]);
    assert.equal(back.server, idleServer, 'a client that was away through both rotations');
    assert.equal(back.reused, true);
    const before = [...visits];
    await eventually(
      () => visits.every((count, index) => count >= (before[index] as number) + 3),
      'each visits both engines after the rotations',
    );
    running = false;
    await Promise.all(load);
    assert.ok((await bed.engines[1].metric('limpet_tickets_opened_total', 'key="previous"')) > 0);
  });
});
