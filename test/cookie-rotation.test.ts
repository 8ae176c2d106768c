import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CookieClient, cookieProfile } from './support/cookie-client.ts';
import { eventually } from './support/engine.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const NAME = 'LIMPET';

describe('a ring that is rotated, with cookies sealed under its keys', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({ persistenceProfile: cookieProfile(NAME) });
  });
  after(() => bed.stop());

  const rotate = async (wanted: number): Promise<void> => {
    const { code, stderr } = await bed.fleet.limpet('keys', 'rotate', bed.fleet.ringFile, '--force');
    assert.equal(code, 0, stderr);
    for (const engine of bed.engines) {
      const rotated = async () => (await engine.runtime()).ticket_keys.rotations === wanted;
      await eventually(rotated, `${wanted} rotations`);
    }
  };

  it('twice under load loses no entry, and has each renewed under the key that seals', async () => {
    const away = new CookieClient();
    const awayServer = (await away.visit('h1', bed.ports[0])).server;
    let running = true;
    const given = Array.from({ length: 6 }, () => new Set<string>());
    const load = given.map(async (cookies, index) => {
      const client = new CookieClient();
      const version = index % 2 ? 'h1' : 'h2';
      const { server } = await client.visit(version, bed.ports[0]);
      for (let turn = 0; running; turn++) {
        assert.equal((await client.visit(version, bed.ports[turn % 2] as number)).server, server);
        cookies.add(client.jar.get(NAME) as string);
      }
    });
    await rotate(1);
    await rotate(2);
    const back = await away.visit('h2', bed.ports[1]);
    assert.equal(back.server, awayServer, 'a client that was away through both');
    assert.equal(back.setCookies.length, 1);
    assert.deepEqual((await away.visit('h2', bed.ports[0])).setCookies, [], 'renewed once');
    await eventually(() => given.every(({ size }) => size >= 2), 'each has had its entry renewed');
    running = false;
    await Promise.all(load);
    for (const { size } of given) assert.ok(size <= 6, `${size}`);
    assert.ok((await bed.engines[1].metric('limpet_cookies_opened_total', 'key="previous"')) > 0);
    assert.ok((await bed.engines[1].metric('limpet_cookies_renewed_total')) > 0);
  });
});
