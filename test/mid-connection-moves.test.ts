import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('an HTTP/2 connection whose server dies, under Immediate', () => {
  let bed: TwoEngines;
  before(async () => {
    // No monitors: the request itself finds out.
    bed = await startTwoEngines({ monitored: false });
  });
  after(() => bed.stop());

  it('has its request answered by another server and is told to reconnect by GOAWAY', async () => {
    const sessions: Buffer[] = [];
    const open = (ticket?: Buffer) => {
      const session = connect(`https://127.0.0.1:${bed.ports[0]}`, {
        rejectUnauthorized: false,
        servername: 'localhost',
        ...(ticket === undefined ? {} : { session: ticket }),
      });
      session.on('error', () => {});
      session.socket?.on('session', (bytes: Buffer) => sessions.push(bytes));
      return session;
    };
    const ask = async (session: ReturnType<typeof open>): Promise<string> => {
      const stream = session.request({ ':path': '/' }).resume();
      const [headers] = (await once(stream, 'response')) as [Record<string, string>];
      assert.equal(headers[':status'], 200);
      await once(stream, 'close');
      return String(headers['x-demo-server']);
    };

    const first = open();
    const server = await ask(first);
    await bed.server(server).stop();
    const goaway = once(first, 'goaway');
    const replacement = await ask(first);
    assert.notEqual(replacement, server);
    assert.equal((await goaway)[0], constants.NGHTTP2_NO_ERROR);

    const again = open(sessions.at(-1));
    assert.equal(await ask(again), replacement, 'the next connection is placed there');
    again.destroy();
    first.destroy();
  });
});
