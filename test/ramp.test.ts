// A server that comes up takes its place little by little (connection_ramp_duration), under every algorithm, with persistence and without.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { openClient } from './support/http-clients.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const ALGORITHMS = [
  'LB_ALGORITHM_LEAST_CONNECTIONS',
  'LB_ALGORITHM_FASTEST_RESPONSE',
  'LB_ALGORITHM_RANDOM',
  'LB_ALGORITHM_ROUND_ROBIN',
];
const CLIENTS = 10;
const REQUESTS = 600;

describe('a server that comes up', () => {
  let bed: TwoEngines;
  // In the first three minutes of thirty its share is a tenth, however slow the machine is.
  const pool = { connection_ramp_duration: 30 };
  before(async () => {
    bed = await startTwoEngines({ persistence: false, pool });
  });
  after(() => bed.stop());

  async function sharesOf(): Promise<number[]> {
    const before = bed.servers.map(({ requests }) => requests);
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const client = openClient('h1', bed.ports[0]);
        for (let at = 0; at < REQUESTS / CLIENTS; at++)
          assert.equal((await client.request({ path: '/slow?ms=2' })).status, 200);
        client.close();
      }),
    );
    return bed.servers.map(({ requests }, at) => (requests - (before[at] as number)) / REQUESTS);
  }

  it('has its whole share at the first start of an engine', async () => {
    for (const share of await sharesOf()) assert.ok(Math.abs(share - 1 / 3) < 0.1, String(share));
  });

  it('gets less than half of it at first when it was down, and yet some, under each algorithm', async () => {
    await bed.setHealth('web-1', false);
    await bed.setHealth('web-1', true);
    for (const lb_algorithm of ALGORITHMS) {
      await bed.reload({ pool: { ...pool, lb_algorithm } });
      const [share] = await sharesOf();
      // A tenth of what the others have is a twenty-first of all.
      assert.ok((share as number) < 1 / 6, `${lb_algorithm}: ${share}`);
      assert.ok((share as number) > 0, `${lb_algorithm}: nothing`);
    }
    const { pools } = await bed.engines[0].runtime();
    assert.equal(pools[0]?.servers[0]?.share, 0.1);
    assert.equal(pools[0]?.servers[1]?.share, 1);
    assert.equal(await bed.engines[0].metric('limpet_server_share', 'server="web-1"'), 0.1);
  });

  it('gets its whole share at once where the ramp takes no time', async () => {
    await bed.reload({ pool: { connection_ramp_duration: 0 } });
    for (const share of await sharesOf()) assert.ok(Math.abs(share - 1 / 3) < 0.1, String(share));
  });

  it('gets everything when it is the only one, and its share where all are new', async () => {
    await bed.reload({ pool });
    await Promise.all(bed.servers.map(({ name }) => bed.setHealth(name, false)));
    await bed.setHealth('web-2', true);
    assert.deepEqual(await sharesOf(), [0, 1, 0]);
    await Promise.all(bed.servers.map(({ name }) => bed.setHealth(name, true)));
    for (const share of await sharesOf()) assert.ok(Math.abs(share - 1 / 3) < 0.1, String(share));
  });

  it('draws few new clients with TLS persistence, and all of its own again', async () => {
    const sticky = { persistence: true, recovery: 'HM_DOWN_CONTINUE_PERSISTENT_SERVER' } as const;
    await bed.reload({ ...sticky, pool: { connection_ramp_duration: 0 } });
    // A name of its own makes a client another one.
    const clients = Array.from(
      { length: 60 },
      (_, at) => new TicketClient({ servername: `a${at}.limpet.test` }),
    );
    const homes = await Promise.all(clients.map(async (client) => (await client.visit(bed.ports[0])).server));
    const home = homes.filter((name) => name === 'web-3').length;
    assert.ok(home > 0, `${home} of 60`);
    await bed.reload({ ...sticky, pool });
    await bed.setHealth('web-3', false);
    await bed.setHealth('web-3', true);
    const again = await Promise.all(clients.map(async (client) => (await client.visit(bed.ports[1])).server));
    assert.deepEqual(again, homes, 'clients with tickets are not ramped');
    let drawn = 0;
    for (let at = 0; at < 80; at++) {
      const client = new TicketClient({ servername: `b${at}.limpet.test` });
      if ((await client.visit(bed.ports[at % 2] as number)).server === 'web-3') drawn++;
    }
    // 3.8 of 80 are fair, and more than 20 of them less likely than one in a thousand million; 27 would be without a ramp.
    assert.ok(drawn <= 20, `${drawn} of 80`);
  });

  it('ramps when it joins a pool that serves', async () => {
    const two = bed.servers.filter(({ name }) => name !== 'web-1');
    await bed.reload({ persistence: false, pool, servers: two });
    await bed.reload({ persistence: false, pool });
    const { pools } = await bed.engines[0].runtime();
    assert.equal(pools[0]?.servers.find(({ name }) => name === 'web-1')?.share, 0.1);
    const [share] = await sharesOf();
    assert.ok((share as number) > 0 && (share as number) < 1 / 6, String(share));
  });
});
