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
      const isOpen = (port: string) =>
        [...sockets].some(({ remotePort, destroyed }) => String(remotePort) === port && !destroyed);
      await eventually(() => !isOpen(first), 'the connection of the client that left is closed');
      assert.equal(await connectionOf(clients[1]), second, version);
      clients[1].close();
    }
  });
});
