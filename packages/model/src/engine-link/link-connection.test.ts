import assert from 'node:assert/strict';
import { Duplex, duplexPair } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeFrame } from './frames.ts';
import { LinkConnection, type LinkTimers } from './link-connection.ts';
import { HEARTBEAT_EVERY_MS, SILENCE_MAX_MS } from './link-limits.ts';

interface Message {
  readonly kind: string;
  readonly text?: string;
}

/** Time that goes on when it is told to. */
function createTimers(): LinkTimers & { advance(ms: number): void } {
  let nowMs = 0;
  const waiting = new Set<{ dueMs: number; afterMs: number; onExpire: () => void }>();
  return {
    start: (afterMs, onExpire) => {
      const timer = { dueMs: nowMs + afterMs, afterMs, onExpire };
      waiting.add(timer);
      return {
        restart: (ms = timer.afterMs) => {
          timer.dueMs = nowMs + ms;
          waiting.add(timer);
        },
        cancel: () => void waiting.delete(timer),
      };
    },
    advance: (ms) => {
      nowMs += ms;
      for (const timer of [...waiting].filter(({ dueMs }) => dueMs <= nowMs)) {
        waiting.delete(timer);
        timer.onExpire();
      }
    },
  };
}

function open(socket: Duplex, timers: LinkTimers, maxBytes = 10_000) {
  const [got, closed]: [Message[], string[]] = [[], []];
  const connection = new LinkConnection<Message, Message>(
    socket,
    timers,
    maxBytes,
    (message) => {
      if ((message as Message).kind === 'refused') throw new Error('refused');
      return message as Message;
    },
    { onMessage: (message) => void got.push(message), onClosed: (reason) => void closed.push(reason) },
  );
  return { connection, got, closed };
}

describe('a connection of the engine link', () => {
  it('carries messages both ways, and says once that the other end has closed it', async () => {
    const timers = createTimers();
    const [near, far] = duplexPair();
    const [one, other] = [open(near, timers), open(far, timers)];
    one.connection.send({ kind: 'a', text: 'ü' });
    other.connection.send({ kind: 'b' });
    one.connection.end({ kind: 'last' }, 'done');
    one.connection.send({ kind: 'too late' });
    while (other.closed.length === 0) await turn();
    assert.deepEqual(other.got, [{ kind: 'a', text: 'ü' }, { kind: 'last' }]);
    assert.deepEqual(one.closed, ['done']);
    assert.deepEqual(other.closed, ['the other end closed it']);
    assert.equal(one.connection.isOpen, false);
  });

  it('ends when nothing was heard for 8 s, however much was sent', async () => {
    const timers = createTimers();
    const [near] = duplexPair();
    const { connection, closed } = open(near, timers);
    for (let ms = 0; ms < SILENCE_MAX_MS; ms += 1000) {
      assert.deepEqual(closed, []);
      timers.advance(1000);
      connection.send({ kind: 'a' });
    }
    assert.deepEqual(closed, ['nothing heard for 8 s']);
  });

  it('lives by the heartbeats of the other end', async () => {
    const timers = createTimers();
    const [near, far] = duplexPair();
    const [one, other] = [open(near, timers), open(far, timers)];
    for (let beat = 0; beat < 10; beat++) {
      timers.advance(HEARTBEAT_EVERY_MS);
      for (let turns = 0; turns < 5; turns++) await turn();
    }
    assert.deepEqual([one.closed, other.closed], [[], []]);
    assert.ok(one.got.length >= 9 && one.got.every(({ kind }) => kind === 'heartbeat'));
    one.connection.close('test');
    other.connection.close('test');
  });

  it('ends when a message is too large, or not as the protocol has it', async () => {
    const timers = createTimers();
    for (const message of [{ kind: 'a', text: 'x'.repeat(1000) }, { kind: 'refused' }]) {
      const [near, far] = duplexPair();
      const { closed, got } = open(near, timers, 500);
      far.write(encodeFrame(message));
      while (closed.length === 0) await turn();
      assert.deepEqual(got, []);
    }
  });

  it('ends when the other end lives and takes nothing for a minute', async () => {
    const timers = createTimers();
    const socket = new Duplex({ read: () => {}, write: () => {} });
    const { connection, closed } = open(socket, timers);
    connection.send({ kind: 'a', text: 'x'.repeat(100_000) });
    for (let second = 0; second < 60; second++) {
      assert.deepEqual(closed, []);
      socket.push(encodeFrame({ kind: 'heartbeat' }));
      await turn();
      timers.advance(1000);
    }
    assert.deepEqual(closed, ['what was sent was not taken for 60 s']);
  });

  it('is cut 5 s after its last message where the other end does not close', async () => {
    const timers = createTimers();
    const socket = new Duplex({
      read: () => {},
      write: (_chunk, _encoding, done) => done(),
      autoDestroy: false,
    });
    const { connection, closed } = open(socket, timers);
    connection.end({ kind: 'last' }, 'refused');
    assert.deepEqual(closed, ['refused']);
    await turn();
    timers.advance(4999);
    assert.ok(!socket.destroyed);
    timers.advance(1);
    assert.ok(socket.destroyed);
  });
});
