// Connections to servers are shared by clients, or not, as connection_multiplexing_enabled says.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually } from './support/engine.ts';
import { bothVersions, type HttpClient, openClient } from './support/http-clients.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

let origin: OriginServer;
let bed: OneEngine;
const sockets = new Set<Socket>();
before(async () => {
  // It says over which connection it was asked.
  origin = await startOriginServer((request, response) => {
    sockets.add(request.socket);
    response.end(String(request.socket.remotePort));
  });
  bed = await startOneEngine(origin, { persistence: false });
});
after(async () => {
  await bed.stop();
  await origin.stop();
});

async function connectionOf(client: HttpClient): Promise<string> {
  return (await client.request()).body.toString();
}

function isOpen(port: string): boolean {
  return [...sockets].some(({ remotePort, destroyed }) => String(remotePort) === port && !destroyed);
}

describe('a connection to a server', () => {
  it('carries the requests of any client', async () => {
    for (const version of bothVersions) {
      const clients = [openClient(version, bed.port), openClient(version, bed.port)] as const;
      const first = await connectionOf(clients[0]);
      assert.equal(await connectionOf(clients[1]), first, version);
      assert.equal(await connectionOf(clients[0]), first, version);
      for (const client of clients) client.close();
    }
  });

  it('is one client’s alone where multiplexing is off, and ends with it', async () => {
    await bed.reload({ persistence: false, httpProfile: { connection_multiplexing_enabled: false } });
    for (const version of bothVersions) {
      const clients = [openClient(version, bed.port), openClient(version, bed.port)] as const;
      const [first, second] = [await connectionOf(clients[0]), await connectionOf(clients[1])];
      assert.notEqual(first, second, version);
      for (let request = 0; request < 3; request++) {
        assert.equal(await connectionOf(clients[0]), first, version);
        assert.equal(await connectionOf(clients[1]), second, version);
      }
      clients[0].close();
      await eventually(() => !isOpen(first), 'the connection of the client that left is closed');
      assert.equal(await connectionOf(clients[1]), second, version);
      clients[1].close();
    }
  });

  it('stays the client’s through reloads, also of its pool, and is closed when its server goes', async () => {
    const other = await startOriginServer((_request, response) => response.end('other'));
    const configured = (index: number, server: { readonly port: number }) => ({
      persistence: false,
      httpProfile: { connection_multiplexing_enabled: false },
      pool: { server_timeout: 20_000 + index },
      servers: [{ name: 'server', port: server.port }],
    });
    for (const version of bothVersions) {
      await bed.reload(configured(0, origin));
      const client = openClient(version, bed.port);
      const first = await connectionOf(client);
      for (let reload = 1; reload < 4; reload++) {
        await bed.reload(configured(reload, origin));
        assert.equal(await connectionOf(client), first, version);
      }
      await bed.reload(configured(4, other));
      await eventually(() => !isOpen(first), 'the connection to the server that is gone is closed');
      assert.equal(await connectionOf(client), 'other');
      client.close();
    }
    await other.stop();
  });
});
