// What a channel to a server promises where its listener fails.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { ChannelListener } from './channel.ts';
import { ClientChannel, connectTcp } from './client-channel.ts';

/** Opens a channel to a server that speaks and ends as it is told; resolves when the channel has closed. */
async function closeOf(failing: keyof ChannelListener, serve: (socket: Socket) => void) {
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const told: string[] = [];
  const reported: unknown[] = [];
  const failure = new Error('a defect');
  const closed = new Promise<Error | undefined>((resolve) => {
    const tell = (what: keyof ChannelListener): void => {
      told.push(what);
      if (what === failing) throw failure;
    };
    const channel = new ClientChannel(
      (onread) => connectTcp({ ip: '127.0.0.1', port }, onread),
      (error) => reported.push(error),
    );
    channel.listener = {
      onData: () => tell('onData'),
      onEnd: () => tell('onEnd'),
      onDrain: () => tell('onDrain'),
      onClose: (error) => {
        resolve(error);
        tell('onClose');
      },
    };
  });
  const error = await closed;
  await new Promise(setImmediate);
  server.close();
  return { error, told, reported, failure };
}

describe('a channel to a server whose listener throws', () => {
  for (const failing of ['onData', 'onEnd'] as const) {
    it(`in ${failing} closes with that, so that its request ends, and reports it once`, async () => {
      const { error, told, reported, failure } = await closeOf(failing, (socket) => {
        socket.on('error', () => {});
        if (failing === 'onData') socket.write('bytes');
        else socket.end();
      });
      assert.equal(error, failure);
      assert.deepEqual(told, [failing, 'onClose']);
      assert.deepEqual(reported, [failure]);
    });
  }

  it('in onClose reports it', async () => {
    const { reported, failure } = await closeOf('onClose', (socket) => socket.resetAndDestroy());
    assert.deepEqual(reported, [failure]);
  });
});
