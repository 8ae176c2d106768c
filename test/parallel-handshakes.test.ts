import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { mappingOf, ringOf } from './support/tickets.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('24 clients that handshake at once', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({}, 3, ['--workers', '1']);
  });
  after(() => bed.stop());

  it('never get the affinity of another, nor another server', async () => {
    const ring = ringOf(bed.fleet.ringFile);
    const clients = Array.from(
      { length: 24 },
      (_, index) => new TicketClient({ version: 'TLSv1.3', servername: `c${index}.limpet.test` }),
    );
    const keys = await Promise.all(
      clients.map(async (client) => {
        await client.visit(bed.ports[0]);
        return mappingOf(client.tickets.at(-1) as Buffer, true, ring);
      }),
    );
    assert.ok(new Set(keys.map(({ affinityKey }) => affinityKey)).size > 20, 'they are different clients');
    for (let round = 0; round < 6; round++) {
      await Promise.all(
        clients.map(async (client, index) => {
          const { reused } = await client.visit(bed.ports[0]);
          const mapping = mappingOf(client.tickets.at(-1) as Buffer, true, ring);
          assert.equal(reused, true);
          assert.equal(mapping.affinityKey, keys[index]?.affinityKey);
          assert.equal(mapping.serverId, keys[index]?.serverId);
        }),
      );
    }
  });
});
