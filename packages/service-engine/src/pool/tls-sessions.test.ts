import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TlsClientSnapshot } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { TlsSessions } from './tls-sessions.ts';

const SESSION_TIMEOUT_S = 100;

function start(sessionReuse = true) {
  const clock = createFakeClock();
  const client = { sessionReuse, sessionTimeoutS: SESSION_TIMEOUT_S } as TlsClientSnapshot;
  const sessions = new TlsSessions(client, clock);
  let made = 0;
  return {
    clock,
    sessions,
    /** Returns the session that it kept. */
    put: (names: string, tls13: boolean, untilMs = sessions.endOfNew()) => {
      const session = Buffer.from(`session ${made++}`);
      sessions.put(names, { session, untilMs }, tls13);
      return session;
    },
    take: (names: string) => sessions.take(names)?.session,
  };
}

describe('the TLS sessions of a server', () => {
  it('are used once in TLS 1.3, the newest first, and four are kept', () => {
    const { put, take, sessions } = start();
    const made = Array.from({ length: 6 }, () => put('a', true));
    assert.equal(sessions.size, 4);
    for (const session of made.slice(2).reverse()) assert.equal(take('a'), session);
    assert.equal(take('a'), undefined);
  });

  it('serve any number of connections in TLS 1.2, the last one that came', () => {
    const { put, take, sessions } = start();
    put('a', false);
    const last = put('a', false);
    for (let connection = 0; connection < 5; connection++) assert.equal(take('a'), last);
    assert.equal(sessions.size, 1);
  });

  it('are those of the names that they were made with, and of no others', () => {
    const { put, take } = start();
    const session = put('a.test', false);
    assert.equal(take('b.test'), undefined);
    assert.equal(take('a.test'), session);
  });

  it('end with ssl_session_timeout, and those that come of a resumed one with that', () => {
    const { put, take, clock } = start();
    const first = put('a', true);
    const untilMs = clock.unixMs() + 1000 * SESSION_TIMEOUT_S;
    clock.advance(60_000);
    const second = put('a', true, untilMs);
    assert.equal(take('a'), second);
    clock.advance(30_000);
    assert.equal(take('a'), first);
    put('a', true, untilMs);
    put('a', false, untilMs);
    clock.advance(11_000);
    assert.equal(take('a'), undefined);
  });

  it('are kept for 64 sets of names, whatever names clients come up with: the oldest go', () => {
    const { put, take, sessions } = start();
    const made = Array.from({ length: 1000 }, (_, at) => put(`host-${at}.test`, false));
    assert.equal(sessions.size, 64);
    assert.equal(take('host-935.test'), undefined);
    assert.equal(take('host-936.test'), made[936]);
  });

  it('are not kept where enable_ssl_session_reuse is off', () => {
    const { put, sessions } = start(false);
    put('a', true);
    assert.equal(sessions.size, 0);
  });
});
