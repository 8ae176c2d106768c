import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { it } from 'node:test';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { type Connected, UpstreamConnector } from './upstream-connector.ts';

it('an attempt to connect that is cancelled leaves alone what it has handed over', async () => {
  const listening = createServer((socket) => socket.resume());
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  // Only as far as it looks at them.
  const server = {
    snapshot: { address: { ip: '127.0.0.1', port } },
    metrics: { add() {} },
    table: { clearSuspect() {} },
  } as unknown as ServerRuntime;
  const pool = { snapshot: {} } as unknown as PoolRuntime;
  const names = { key: '', serverName: undefined, verifiedNames: [] };
  const connected = await new Promise<Connected>((resolve, reject) => {
    const connector = new UpstreamConnector(
      { server, pool, names, offers: 'h2' },
      {
        onConnected(connected) {
          connector.cancel();
          resolve(connected);
        },
        onConnectFailed: reject,
      },
    );
    connector.start();
  });
  assert.ok(connected.protocol === 'h2' && !connected.socket.destroyed);
  connected.socket.destroy();
  listening.close();
});
