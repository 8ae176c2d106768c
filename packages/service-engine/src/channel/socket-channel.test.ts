// What a channel promises where its listener fails or gives up, whoever opened the connection.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Channel, ChannelListener } from './channel.ts';
import { ClientChannel, connectTcp } from './client-channel.ts';
import { createStreamChannel } from './stream-channel.ts';

const server = createServer({ allowHalfOpen: true });
let port: number;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
after(() => server.close());

interface Pair {
  readonly channel: Channel;
  /** Its other end. */
  readonly peer: Socket;
}
type OpenPair = (listener: ChannelListener, onException: (error: unknown) => void) => Promise<Pair>;

const KINDS: Readonly<Record<string, OpenPair>> = {
  'to a server': async (listener, onException) => {
    const accepted = once(server, 'connection');
    const channel = new ClientChannel((onread) => connectTcp({ ip: '127.0.0.1', port }, onread), onException);
    channel.listener = listener;
    const [peer] = (await accepted) as [Socket];
    return { channel, peer };
  },
  'to a client': async (listener, onException) => {
    const accepted = once(server, 'connection');
    const peer = createConnection({ port, host: '127.0.0.1' });
    const [socket] = (await accepted) as [Socket];
    const channel = createStreamChannel(socket, socket, onException);
    channel.listener = listener;
    return { channel, peer };
  },
};

/** A channel, what its listener is told, and what is reported; over when it has closed. */
async function open(openPair: OpenPair, failing: keyof ChannelListener | undefined) {
  const events: string[] = [];
  const failure = new Error('a defect');
  let whenClosed: (error: Error | undefined) => void;
  const closed = new Promise<Error | undefined>((resolve) => {
    whenClosed = resolve;
  });
  const tell = (what: keyof ChannelListener): void => {
    events.push(what);
    if (what === failing) throw failure;
  };
  const { channel, peer } = await openPair(
    {
      onData: () => tell('onData'),
      onEnd: () => tell('onEnd'),
      onDrain: () => tell('onDrain'),
      onClose: (error) => {
        whenClosed(error);
        tell('onClose');
      },
    },
    (error) => {
      assert.equal(error, failure);
      // What is written to a channel that has ended goes nowhere.
      events.push(channel.write('more') ? 'reported while open' : 'reported');
    },
  );
  peer.on('error', () => {});
  return { channel, peer, events, failure, closed };
}

for (const [kind, openPair] of Object.entries(KINDS)) {
  describe(`a channel ${kind}`, () => {
    for (const failing of ['onData', 'onEnd'] as const) {
      it(`whose listener throws in ${failing} ends with that, and reports it once, when it has ended`, async () => {
        const { peer, events, failure, closed } = await open(openPair, failing);
        if (failing === 'onData') peer.write('bytes');
        else peer.end();
        assert.equal(await closed, failure);
        await new Promise(setImmediate);
        assert.deepEqual(events, [failing, 'reported', 'onClose']);
      });
    }

    it('whose listener throws in onClose reports it', async () => {
      const { peer, events, closed } = await open(openPair, 'onClose');
      peer.resetAndDestroy();
      await closed;
      await new Promise(setImmediate);
      assert.deepEqual(events, ['onClose', 'reported']);
    });

    it('tells its listener of nothing but the end once it was reset', async () => {
      const { channel, peer, events, closed } = await open(openPair, undefined);
      peer.end('bytes');
      // They are here, and unread, when the reset comes.
      await once(peer, 'finish');
      channel.reset();
      await closed;
      assert.deepEqual(events, ['onClose']);
    });
  });
}
