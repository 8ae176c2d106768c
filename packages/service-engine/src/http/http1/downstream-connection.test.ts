import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Channel } from '../../channel/channel.ts';
import { createFakeClock } from '../../lifecycle/fake-clock.ts';
import type { ProxiedConnection } from '../proxied-connection.ts';
import { Http1DownstreamConnection } from './downstream-connection.ts';

const BODY_TIMEOUT_MS = 30_000;

function open(bodyTimeoutMs = BODY_TIMEOUT_MS) {
  const time = createFakeClock();
  const calls: string[] = [];
  const channel = {
    ownsReadBuffer: true,
    ...{ resume() {}, pause() {} },
    ...{
      end: () => calls.push('end'),
      destroy: () => calls.push('destroy'),
      reset: () => calls.push('reset'),
    },
  } as unknown as Channel;
  const http = { firstByteTimeoutMs: 0, bodyTimeoutMs };
  const proxied = {
    services: { deadlines: time.deadlines },
    service: () => ({ http }),
  } as unknown as ProxiedConnection;
  const connection = new Http1DownstreamConnection(channel, proxied, { onClosed() {} });
  return { time, calls, channel, connection };
}

describe('the end of an HTTP/1.1 connection', () => {
  it('does not cut off the last bytes of a response that a slow client has yet to take', () => {
    const { time, calls, channel, connection } = open();
    connection.waitForDrain();
    connection.drain(false);
    time.advance(BODY_TIMEOUT_MS - 1000);
    assert.deepEqual(calls, [], 'the client still has time');
    channel.listener.onDrain();
    assert.deepEqual(calls, ['end']);
  });

  it('comes with a reset when the client takes nothing within the body timeout', () => {
    const { time, calls, connection } = open();
    connection.waitForDrain();
    connection.drain(false);
    time.advance(BODY_TIMEOUT_MS + 1000);
    assert.deepEqual(calls, ['reset']);
  });

  it('comes with a reset when the client takes nothing for five minutes, where client_body_timeout is 0', () => {
    const { time, calls, connection } = open(0);
    connection.waitForDrain();
    time.advance(299_000);
    assert.deepEqual(calls, []);
    time.advance(2000);
    assert.deepEqual(calls, ['reset']);
  });

  it('lingers for a short time where everything was sent', () => {
    const { time, calls, connection } = open();
    connection.drain(false);
    assert.deepEqual(calls, ['end']);
    time.advance(3000);
    assert.deepEqual(calls, ['end', 'destroy']);
  });

  it('by a reset leaves what the client had sent ahead unserved', () => {
    const { calls, channel, connection } = open();
    connection.abort();
    channel.listener.onData(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    assert.deepEqual(calls, ['reset']);
  });
});
