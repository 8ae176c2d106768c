import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Channel, ChannelListener } from '../../channel/channel.ts';
import type { UpstreamListener, UpstreamRequest } from '../exchange.ts';
import { Http1UpstreamConnection } from './upstream-connection.ts';

const REQUEST = {
  head: { method: 'GET', target: '/', asksForWebSocket: false },
  authority: 'a.test',
  fieldLines: '',
  body: { kind: 'none' },
} as unknown as UpstreamRequest;

function makeConnection() {
  const events: string[] = [];
  const channel: Channel & { listener: ChannelListener } = {
    listener: { onData() {}, onEnd() {}, onDrain() {}, onClose() {} },
    ownsReadBuffer: true,
    write: () => true,
    pause() {},
    resume() {},
    end() {},
    destroy: () => void events.push('destroyed'),
    reset() {},
  };
  const owner = {
    onReusable: () => void events.push('reusable'),
    onIdleClosed: () => void events.push('closed while idle'),
  };
  const connection = new Http1UpstreamConnection(channel, '', undefined, owner, 0);
  let body = '';
  const listener: UpstreamListener = {
    onResponseInformational() {},
    onResponseHead: ({ status }) => void events.push(String(status)),
    onResponseBody: (chunk) => {
      body += chunk.toString('latin1');
    },
    onResponseEnd: () => void events.push(`end of ${body}`),
    onResponseFlush() {},
    onRequestDrain() {},
    onResponseFailure: ({ error }) => void events.push(error),
  };
  return {
    events,
    ask: () => void connection.begin(REQUEST, listener),
    receive: (text: string) => channel.listener.onData(Buffer.from(text, 'latin1')),
  };
}

const answer = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n';
const none = 'HTTP/1.1 204 No Content\r\n\r\n';

describe('a connection to a server', () => {
  it('is kept after an answer that ends where it says', () => {
    for (const text of [answer('mine'), chunked]) {
      const { events, ask, receive } = makeConnection();
      ask();
      receive(text);
      assert.deepEqual(events, ['200', 'reusable', 'end of mine']);
    }
  });

  it('is given up where bytes follow the answer: they would answer the request of another client (R15)', () => {
    for (const text of [answer('mine'), chunked, none]) {
      const { events, ask, receive } = makeConnection();
      ask();
      receive(text + answer('evil'));
      const end = text === none ? 'end of ' : 'end of mine';
      assert.deepEqual(events.slice(1), ['destroyed', end]);
    }
  });

  it('is given up after a 205 whose end is not declared: its content, which it must not have, would answer another', () => {
    for (const field of ['', 'Transfer-Encoding: chunked\r\n']) {
      const { events, ask, receive } = makeConnection();
      ask();
      receive(`HTTP/1.1 205 Reset Content\r\n${field}\r\n`);
      receive(answer('evil'));
      assert.deepEqual(events, ['205', 'destroyed', 'end of ']);
    }
  });

  it('is given up where bytes come while it is idle, that nobody asked for (R15)', () => {
    const { events, ask, receive } = makeConnection();
    ask();
    receive(answer('mine'));
    receive('H');
    assert.deepEqual(events, ['200', 'reusable', 'end of mine', 'destroyed', 'closed while idle']);
    receive(answer('evil'));
    assert.equal(events.length, 5, 'nothing of it is read any more');
  });
});
