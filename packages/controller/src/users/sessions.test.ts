import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { hasCsrfToken, Sessions } from './sessions.ts';

const times = { idleMs: 15 * 60_000, lifetimeMs: 24 * 3_600_000 };

describe('sessions', () => {
  it('end when they were idle for too long, and not before', () => {
    const time = createFakeClock();
    const sessions = new Sessions(time, systemRandom);
    const { id } = sessions.open('user-a', 'hash');
    for (let at = 0; at < 5; at++) {
      time.advance(times.idleMs - 1);
      assert.ok(sessions.use(id, times));
    }
    time.advance(times.idleMs);
    assert.equal(sessions.use(id, times), undefined);
    assert.equal(sessions.size, 0);
  });

  it('end after their whole time, however busy, and are not idle where that is off', () => {
    const time = createFakeClock();
    const sessions = new Sessions(time, systemRandom);
    const { id } = sessions.open('user-a', 'hash');
    time.advance(times.lifetimeMs - 1);
    assert.ok(sessions.use(id, { ...times, idleMs: undefined }));
    time.advance(1);
    assert.equal(sessions.use(id, { ...times, idleMs: undefined }), undefined);
  });

  it('are known by an id of 256 bits that nobody else has, and have a token of their own', () => {
    const sessions = new Sessions(createFakeClock(), systemRandom);
    const [one, other] = [sessions.open('user-a', 'hash'), sessions.open('user-a', 'hash')];
    assert.equal(Buffer.from(one.id, 'base64url').length, 32);
    assert.notEqual(one.id, other.id);
    assert.ok(hasCsrfToken(one.session, one.csrfToken));
    assert.ok(!hasCsrfToken(one.session, other.csrfToken) && !hasCsrfToken(one.session, ''));
    assert.equal(sessions.end(one.id), one.session);
    assert.equal(sessions.use(one.id, times), undefined);
    assert.ok(sessions.use(other.id, times));
  });

  it('are at most 1,000 a user and 10,000 in all, and the longest unused end', () => {
    const sessions = new Sessions(createFakeClock(), systemRandom);
    const first = sessions.open('user-0', 'hash');
    for (let at = 0; at < 1000; at++) {
      sessions.open('user-a', 'hash');
    }
    const kept = sessions.open('user-a', 'hash');
    assert.equal(sessions.size, 1001);
    for (let user = 0; user < 12; user++)
      for (let at = 0; at < 800; at++) sessions.open(`user-b${user}`, 'hash');
    assert.equal(sessions.size, 10_000);
    assert.equal(sessions.use(first.id, times), undefined);
    assert.ok(sessions.use(kept.id, times));
  });
});
