import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { LoginLimits, networkOf } from './login-limits.ts';

const MINUTE_MS = 60_000;

describe('limits of failed logins', () => {
  it('lock a user after 20 failures from wherever, tell so once, and let go after half an hour', () => {
    const time = createFakeClock();
    const limits = new LoginLimits(time);
    const told = Array.from({ length: 25 }, (_, at) => limits.failed('user-a', `10.0.0.${at}`));
    assert.deepEqual(
      told.flatMap((locked, at) => (locked === undefined ? [] : [at, locked])),
      [19, 'user'],
    );
    assert.equal(limits.lockedMs('user-a', '10.9.9.9'), 30 * MINUTE_MS);
    assert.equal(limits.lockedMs('user-b', '10.9.9.9'), 0);
    time.advance(30 * MINUTE_MS);
    assert.equal(limits.lockedMs('user-a', '10.9.9.9'), 0);
  });

  it('lock nobody out where the user has logged in before, but for the limit of that address', () => {
    const limits = new LoginLimits(createFakeClock());
    limits.succeeded('user-a', '10.0.0.1');
    for (let at = 0; at < 30; at++) limits.failed('user-a', `10.1.0.${at}`);
    assert.ok(limits.lockedMs('user-a', '10.1.0.99') > 0);
    assert.equal(limits.lockedMs('user-a', '10.0.0.1'), 0);
    for (let at = 0; at < 50; at++) limits.failed('user-a', '10.0.0.1');
    assert.ok(limits.lockedMs('user-a', '10.0.0.1') > 0);
  });

  it('lock an address after 50 failures, whatever names were tried, and a host of IPv6 by its network', () => {
    const limits = new LoginLimits(createFakeClock());
    for (let at = 0; at < 50; at++) limits.failed(undefined, `2001:db8:0:1::${at.toString(16)}`);
    assert.ok(limits.lockedMs(undefined, '2001:db8:0:1:ffff::1') > 0);
    assert.ok(limits.lockedMs('user-a', '2001:db8:0:1:ffff::1') > 0);
    assert.equal(limits.lockedMs('user-a', '2001:db8:0:2::1'), 0);
  });

  it('forget failures after a success, and those that are far apart', () => {
    const time = createFakeClock();
    const limits = new LoginLimits(time);
    for (let at = 0; at < 19; at++) limits.failed('user-a', '10.0.0.1');
    limits.succeeded('user-a', '10.0.0.1');
    for (let at = 0; at < 19; at++) limits.failed('user-a', '10.0.0.2');
    assert.equal(limits.lockedMs('user-a', '10.0.0.2'), 0);
    time.advance(31 * MINUTE_MS);
    limits.failed('user-a', '10.0.0.2');
    assert.equal(limits.lockedMs('user-a', '10.0.0.2'), 0);
  });

  it('take no more memory than for 10,000 addresses', () => {
    const limits = new LoginLimits(createFakeClock());
    for (let at = 0; at < 30_000; at++)
      limits.failed(undefined, `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);
    assert.equal(limits.size, 10_000);
    for (let at = 0; at < 100; at++) limits.succeeded('user-a', `10.2.0.${at}`);
    assert.equal(limits.size, 10_001);
  });

  it('know addresses in every way to write them', () => {
    assert.equal(networkOf('::ffff:10.0.0.1'), '10.0.0.1');
    assert.equal(networkOf('2001:DB8::1'), networkOf('2001:0db8:0:0:1:2:3:4'));
    assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0');
    assert.equal(networkOf('::1'), '0:0:0:0');
  });
});
