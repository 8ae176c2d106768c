// A server that says itself that it is in maintenance: taken out like a disabled one, and back by itself.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const http_monitor = { http_request: 'GET /health HTTP/1.0', maintenance_code: [503] };
const RECOVERIES = [
  'HM_DOWN_PICK_NEW_SERVER',
  'HM_DOWN_CONTINUE_PERSISTENT_SERVER',
  'HM_DOWN_ABORT_CONNECTION',
] as const;

describe('a server in maintenance', () => {
  let bed: TwoEngines;
  const base = {
    healthMonitor: {
      ...{ send_interval: 2, receive_timeout: 1, successful_checks: 1, failed_checks: 1 },
      http_monitor,
    },
    pool: { connection_ramp_duration: 0 },
  };
  before(async () => {
    bed = await startTwoEngines({ ...base, recovery: 'HM_DOWN_ABORT_CONNECTION' });
  });
  after(() => bed.stop());

  for (const recovery of RECOVERIES) {
    it(`is left by its clients under ${recovery}, on open connections too, and comes back by itself`, async () => {
      if (recovery !== 'HM_DOWN_ABORT_CONNECTION' || (await bed.engines[0].runtime()).config.version > 1)
        await bed.reload({ ...base, recovery });
      const client = new TicketClient();
      const { server } = await client.visit(bed.ports[0]);
      const open = await client.connect(bed.ports[0]);
      assert.equal((await open.request('/')).server, server);
      await bed.setHealth(server, false);
      const { pools } = await bed.engines[0].runtime();
      const runtime = pools[0]?.servers.find(({ name }) => name === server);
      assert.equal(runtime?.maintenance, true);
      assert.equal(runtime?.health_monitors[0]?.failure_code, 'MAINTENANCE_RESPONSE_CODE_MATCH');
      const moved = await open.request('/');
      assert.equal(moved.status, 200);
      assert.notEqual(moved.server, server);
      assert.equal(moved.headers.get('connection'), 'close', 'the client is told to reconnect');
      await open.close();
      const visit = await client.visit(bed.ports[1]);
      assert.notEqual(visit.server, server);
      await bed.setHealth(server, true);
      assert.equal(
        (await client.visit(bed.ports[0])).server,
        visit.server,
        'the client stays where it was moved',
      );
    });
  }
});
