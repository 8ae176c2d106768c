import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const CLIENTS = 30;

describe('clients of a dead server', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines();
  });
  after(() => bed.stop());

  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    it(`move once, to one replacement whichever engine they meet, and stay there after it recovers (${version})`, async () => {
      const clients = await Promise.all(
        Array.from({ length: CLIENTS }, async (_, index) => {
          // Each a client of its own to the rule for first connections: another name asked for.
          const client = new TicketClient({ version, servername: `client-${index}.limpet.test` });
          const { server } = await client.visit(bed.ports[index % 2] as number);
          return { client, first: server, tickets: [...client.tickets] };
        }),
      );
      const dead = clients[0]?.first as string;
      assert.ok(new Set(clients.map(({ first }) => first)).size > 1, 'the clients are spread');
      await bed.setHealth(dead, false);

      // Two connections of each, one to each engine. In TLS 1.3 with sibling tickets, as a browser has them.
      const replaced = await Promise.all(
        clients.map(async ({ client, first, tickets }) => {
          const [ticket, sibling] = [tickets[0], tickets[1] ?? tickets[0]];
          const there = await Promise.all([
            client.visit(bed.ports[0], '/', ticket),
            client.visit(bed.ports[1], '/', sibling),
          ]);
          return { client, first, servers: there.map(({ server }) => server) };
        }),
      );
      for (const { first, servers } of replaced) {
        if (first === dead) assert.notEqual(servers[0], dead);
        else assert.equal(servers[0], first, 'clients of the others are left alone');
        if (version === 'TLSv1.3' || first !== dead)
          assert.equal(servers[0], servers[1], 'both engines choose alike');
      }

      await bed.setHealth(dead, true);
      for (const { client, servers } of replaced) {
        // Node keeps the tickets of both connections; the newest counts.
        const { server } = await client.visit(bed.ports[0]);
        assert.ok(servers.includes(server), 'stays where it was moved');
      }
    });
  }
});
