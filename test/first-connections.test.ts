import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as elapse } from 'node:timers/promises';
import { TicketClient } from '@limpet/testkit';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('connections without a ticket', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({}, 3, ['--workers', '2']);
  });
  after(() => bed.stop());

  it('of one client reach one server, on every worker and engine', async () => {
    // Nine an engine: of ten no server has more than 1.25 of its share and six, be they all on one.
    for (const [name, length] of [
      ['a.limpet.test', 12],
      ['b.limpet.test', 6],
    ] as const) {
      const servers = await Promise.all(
        Array.from({ length }, (_, turn) =>
          new TicketClient({ servername: name }).visit(bed.ports[turn % 2] as number, '/', 'none'),
        ),
      );
      assert.equal(new Set(servers.map(({ server }) => server)).size, 1, name);
    }
  });

  it('of 200 clients behind one address are still spread over the servers', async () => {
    const counts = new Map<string, number>();
    for (let batch = 0; batch < 20; batch++) {
      // A crowd arrives over some seconds; in what goes on to the next server, time is the only sign of another client.
      await elapse(200);
      const visits = await Promise.all(
        Array.from({ length: 10 }, (_, turn) =>
          new TicketClient({ servername: 'nat.limpet.test' }).visit(
            bed.ports[turn % 2] as number,
            '/',
            'none',
          ),
        ),
      );
      for (const { server } of visits) counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    assert.equal(counts.size, 3, JSON.stringify([...counts]));
    const fair = 200 / 3;
    for (const [server, count] of counts)
      assert.ok(count < 2 * fair && count > fair / 4, `${server}: ${count}`);
  });
});
