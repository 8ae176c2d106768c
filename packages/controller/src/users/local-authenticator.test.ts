import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import { type Bed, startBed } from '../config/test-configuration.ts';
import type { JsonObject } from '../json.ts';
import { createFakeClock, type FakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import type { StoredEvent } from '../store/object-store.ts';
import type { LoggedIn, Refusal } from './authenticator.ts';
import { makeFirstUser } from './first-user.ts';
import { LocalAuthenticator } from './local-authenticator.ts';
import { hashPassword } from './password.ts';

const PASSWORD = 'correct horse';
const ADDRESS = '192.0.2.1';
const MINUTE_MS = 60_000;

let hash: string;
let otherHash: string;
before(async () => {
  // Cheap ones: what the real parameters cost is no matter of these tests.
  const cheap = { cost: 1024, blockSize: 8, parallelization: 1 };
  hash = await hashPassword(PASSWORD, systemRandom, cheap);
  otherHash = await hashPassword('another', systemRandom, cheap);
});

let bed: Bed;
let time: FakeClock;
let authenticator: LocalAuthenticator;
let events: StoredEvent[];

async function startAuthenticator(): Promise<LocalAuthenticator> {
  return new LocalAuthenticator({
    view: () => bed.configuration.view,
    store: bed.store,
    vault: (await bed.store.readAll()).vault,
    clock: time,
    random: systemRandom,
    onEvent: (event) => void events.push(event),
  });
}

function putUser(name: string, passwordHash: string, more: JsonObject = {}) {
  const body = { name, username: name, is_superuser: name === 'admin', ...more };
  const secrets = new Map([['password', passwordHash]]);
  const object = { type: 'User', uuid: `user-${name}`, tenantUuid: 'admin', name, body, secrets };
  return bed.put({ kind: 'put', object });
}

beforeEach(async () => {
  bed = await startBed();
  time = createFakeClock();
  events = [];
  authenticator = await startAuthenticator();
  await putUser('admin', hash);
});

function loggedIn(outcome: LoggedIn | Refusal): LoggedIn {
  assert.ok(outcome.kind === 'logged-in', JSON.stringify(outcome));
  return outcome;
}

describe('the authenticator', () => {
  it('lets in who knows name and password, and knows the session again until it is logged out', async () => {
    const { session, sessionId, csrfToken, lifetimeS } = loggedIn(
      await authenticator.login('admin', PASSWORD, ADDRESS),
    );
    assert.deepEqual(session.user, { uuid: 'user-admin', name: 'admin', isSuperuser: true });
    assert.equal(lifetimeS, 86_400);
    const again = authenticator.session(sessionId);
    assert.ok(again?.hasCsrfToken(csrfToken));
    assert.ok(!again?.hasCsrfToken(`${csrfToken}x`));
    assert.equal(authenticator.session(csrfToken), undefined);
    authenticator.logout(sessionId, ADDRESS);
    authenticator.logout(sessionId, ADDRESS);
    assert.equal(authenticator.session(sessionId), undefined);
    assert.deepEqual(
      events.map(({ eventId, details }) => [eventId, details]),
      [
        ['USER_LOGIN', { user: 'admin', client_ip: ADDRESS }],
        ['USER_LOGOUT', { user: 'admin', client_ip: ADDRESS }],
      ],
    );
  });

  it('refuses a wrong password, a name that is not there, and a user who is not active, and does not tell them apart', async () => {
    await putUser('gone', hash, { is_active: false });
    await putUser('bare', '');
    const attempts = [
      ['admin', 'wrong'],
      ['nobody', PASSWORD],
      ['gone', PASSWORD],
      ['bare', ''],
    ] as const;
    for (const [name, password] of attempts) {
      const outcome = await authenticator.login(name, password, ADDRESS);
      assert.deepEqual(outcome, { kind: 'refused', reason: 'credentials' });
    }
    const told = events.map(({ details }) => details.user);
    assert.deepEqual(told, ['admin', '', '', 'bare'], 'what was typed for a name is not repeated');
    assert.doesNotMatch(JSON.stringify(events), /wrong|correct horse/);
  });

  it('ends sessions with the password, the account or its activity, and keeps the one in which it was changed', async () => {
    const [mine, other] = await Promise.all(
      [1, 2].map(async () => loggedIn(await authenticator.login('admin', PASSWORD, ADDRESS))),
    );
    assert.ok(mine !== undefined && other !== undefined);
    await putUser('admin', otherHash);
    authenticator.keepSession(mine.sessionId);
    assert.ok(authenticator.session(mine.sessionId));
    assert.equal(authenticator.session(other.sessionId), undefined);
    // The last superuser cannot be taken out.
    await putUser('second', otherHash, { is_superuser: true });
    await putUser('admin', otherHash, { is_active: false });
    assert.equal(authenticator.session(mine.sessionId), undefined);
  });

  it('ends idle sessions after api_idle_timeout, and all after api_force_timeout, as they are now', async () => {
    const idle = loggedIn(await authenticator.login('admin', PASSWORD, ADDRESS));
    const put = (type: string, body: JsonObject) =>
      bed.put({
        kind: 'put',
        object: { type, uuid: type, tenantUuid: 'admin', name: '', body, secrets: new Map() },
      });
    time.advance(15 * MINUTE_MS - 1);
    assert.ok(authenticator.session(idle.sessionId));
    time.advance(15 * MINUTE_MS);
    assert.equal(authenticator.session(idle.sessionId), undefined);
    await put('ControllerProperties', { api_idle_timeout: 0 });
    await put('SystemConfiguration', { portal_configuration: { api_force_timeout: 2 } });
    const busy = loggedIn(await authenticator.login('admin', PASSWORD, ADDRESS));
    assert.equal(busy.lifetimeS, 7200);
    time.advance(119 * MINUTE_MS);
    assert.ok(authenticator.session(busy.sessionId));
    time.advance(MINUTE_MS);
    assert.equal(authenticator.session(busy.sessionId), undefined);
  });

  it('locks a user after 20 wrong passwords, also against the right one, and not where the user has been before', async () => {
    await authenticator.login('admin', PASSWORD, ADDRESS);
    // A hash that is none is compared at once.
    await putUser('admin', '');
    for (let at = 0; at < 20; at++) await authenticator.login('admin', `wrong ${at}`, `198.51.100.${at}`);
    await putUser('admin', hash);
    const outcome = await authenticator.login('admin', PASSWORD, '198.51.100.99');
    assert.deepEqual(outcome, { kind: 'refused', reason: 'locked', retryAfterS: 1800 });
    const locks = events.filter(({ eventId }) => eventId === 'USER_LOCKED');
    assert.deepEqual(
      locks.map(({ details }) => details.locked),
      ['user'],
    );
    loggedIn(await authenticator.login('admin', PASSWORD, ADDRESS));
  });

  it('checks two passwords at a time, lets 32 wait, and refuses the rest without a look', async () => {
    await putUser('admin', '');
    const attempts = Array.from({ length: 40 }, (_, at) =>
      authenticator.login('admin', 'x', `198.51.100.${at}`),
    );
    const reasons = (await Promise.all(attempts)).map((one) => (one.kind === 'refused' ? one.reason : ''));
    assert.equal(reasons.filter((reason) => reason === 'busy').length, 6);
    // Those that waited until the user was locked need no check any more.
    assert.equal(reasons.filter((reason) => reason === 'credentials').length, 20);
    assert.equal(reasons.filter((reason) => reason === 'locked').length, 14);
  });

  it('takes a password with each request, and sees at once when it is changed', async () => {
    const user = { uuid: 'user-admin', name: 'admin', isSuperuser: true };
    assert.deepEqual(await authenticator.basic('admin', PASSWORD, ADDRESS), { kind: 'known', user });
    for (let at = 0; at < 100; at++)
      assert.equal((await authenticator.basic('admin', PASSWORD, ADDRESS)).kind, 'known');
    assert.equal((await authenticator.basic('admin', 'wrong', ADDRESS)).kind, 'refused');
    await putUser('admin', otherHash);
    assert.equal((await authenticator.basic('admin', PASSWORD, ADDRESS)).kind, 'refused');
  });

  it('takes tokens until they expire or are revoked, also after a restart, and keeps none of them', async () => {
    const { token, record } = await authenticator.createToken('user-admin', 'for a script', 3600);
    assert.doesNotMatch(JSON.stringify([...bed.store.vault.values()]), new RegExp(token));
    authenticator = await startAuthenticator();
    assert.equal(authenticator.token(token, ADDRESS).kind, 'known');
    loggedIn(await authenticator.loginByToken('admin', token, ADDRESS));
    assert.equal((await authenticator.loginByToken('other', token, ADDRESS)).kind, 'refused');
    assert.equal(authenticator.token(`${token}x`, ADDRESS).kind, 'refused');
    assert.deepEqual(authenticator.tokensOf('user-admin'), [record]);
    assert.equal(await authenticator.revokeToken('user-other', record.id), false);
    const second = await authenticator.createToken('user-admin', '', 60);
    assert.equal(await authenticator.revokeToken('user-admin', record.id), true);
    assert.equal(authenticator.token(token, ADDRESS).kind, 'refused');
    assert.equal(authenticator.token(second.token, ADDRESS).kind, 'known');
    time.advance(60_000);
    assert.equal(authenticator.token(second.token, ADDRESS).kind, 'refused');
    await assert.rejects(authenticator.createToken('user-admin', '', 0), /a token lives/);
    // One that has expired goes with the next that is made.
    await authenticator.createToken('user-admin', '', 60);
    assert.equal(bed.store.vault.size, 1);
  });

  it('locks nobody out for tokens that are wrong, and tells of 50 of them', async () => {
    for (let at = 0; at < 80; at++) authenticator.token('wrong', ADDRESS);
    const { token } = await authenticator.createToken('user-admin', '', 60);
    assert.equal(authenticator.token(token, ADDRESS).kind, 'known');
    loggedIn(await authenticator.login('admin', PASSWORD, ADDRESS));
    assert.equal(events.filter(({ eventId }) => eventId === 'USER_LOGIN_FAILURE').length, 50);
  });

  it('checks the password of who changes it', async () => {
    assert.equal(await authenticator.checkPassword('user-admin', PASSWORD, ADDRESS), true);
    assert.equal(await authenticator.checkPassword('user-admin', 'wrong', ADDRESS), false);
    assert.equal(await authenticator.checkPassword('user-nobody', PASSWORD, ADDRESS), false);
  });
});

describe('the first user', () => {
  it('is made once, with a password that is made and told, or the one that is given', async () => {
    const fresh = await startBed();
    bed = fresh;
    const password = await makeFirstUser(fresh.configuration, systemRandom, undefined);
    assert.match(password ?? '', /^[a-zA-Z2-9]{24}$/);
    assert.equal(await makeFirstUser(fresh.configuration, systemRandom, 'ignored'), undefined);
    authenticator = await startAuthenticator();
    const { session } = loggedIn(await authenticator.login('admin', password as string, ADDRESS));
    assert.ok(session.user.isSuperuser);
    bed = await startBed();
    assert.equal(await makeFirstUser(bed.configuration, systemRandom, PASSWORD), undefined);
    authenticator = await startAuthenticator();
    loggedIn(await authenticator.login('admin', PASSWORD, ADDRESS));
    const [user] = bed.configuration.view.list('User');
    assert.doesNotMatch(JSON.stringify(user?.body), /correct horse|scrypt/);
  });
});
