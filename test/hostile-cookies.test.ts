import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { CookieClient, cookieProfile } from './support/cookie-client.ts';
import { bothVersions, openClient } from './support/http-clients.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const NAME = 'LIMPET';
/** Below max_keepalive_requests. */
const REQUESTS_ON_CONNECTION = 50;

describe('a hostile cookie', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({ persistenceProfile: cookieProfile(NAME) }, 3, ['--workers', '1']);
  });
  after(() => bed.stop());

  const counts = async () => ({
    opened: await bed.engines[0].metric('limpet_cookies_opened_total'),
    missed: await bed.engines[0].metric('limpet_cookies_not_opened_total'),
  });
  const genuine = async (port = bed.ports[0]): Promise<string> => {
    const client = new CookieClient();
    await client.visit('h1', port);
    return client.jar.get(NAME) as string;
  };
  /** Sends each in a request of its own on one connection; all are answered, none is opened, and each is replaced by a good one. */
  const assertNoneOpens = async (version: 'h1' | 'h2', values: readonly string[]): Promise<void> => {
    const before = await counts();
    let client = openClient(version, bed.ports[0]);
    for (const [index, value] of values.entries()) {
      if (index % REQUESTS_ON_CONNECTION === REQUESTS_ON_CONNECTION - 1) {
        client.close();
        client = openClient(version, bed.ports[0]);
      }
      const reply = await client.request({ headers: { cookie: `a=1; ${NAME}=${value}` } });
      assert.equal(reply.status, 200, value);
      assert.equal([reply.headers['set-cookie'] ?? []].flat().length, 1, value);
    }
    client.close();
    const { opened, missed } = await counts();
    assert.deepEqual({ opened, missed }, { opened: before.opened, missed: before.missed + values.length });
  };

  for (const version of bothVersions) {
    it(`altered at any byte, or cut short anywhere, steers nowhere and is no error (R3, ${version})`, async () => {
      const value = await genuine();
      const bytes = Buffer.from(value, 'base64url');
      const altered = Array.from(bytes, (byte, index) => {
        const copy = Buffer.from(bytes);
        copy[index] = byte ^ (1 << (index % 8));
        return copy.toString('base64url');
      });
      const cut = Array.from(value, (_, length) => value.slice(0, length));
      await assertNoneOpens(version, [...altered, ...cut, `${value}A`, `"${value}"`, value.toLowerCase()]);
    });
  }

  it('of another virtual service, or of another pool, steers nowhere, though the ring is the same (R7)', async () => {
    const profile = { persistenceProfile: cookieProfile(NAME) };
    const others = await Promise.all([
      bed.fleet.startEngine(bed.configuration({ ...profile, virtualService: { name: 'other' } })),
      bed.fleet.startEngine(
        bed.configuration({
          ...profile,
          virtualService: { pool_ref: 'other-pool' },
          pool: { name: 'other-pool' },
        }),
      ),
    ]);
    await assertNoneOpens('h1', await Promise.all(others.map(({ port }) => genuine(port))));
  });

  it('in 10,000 random ones never opens, and the engine serves on', async () => {
    const before = await counts();
    for (let batch = 0; batch < 100; batch++) {
      const client = openClient('h2', bed.ports[0]);
      await Promise.all(
        Array.from({ length: 25 }, () => {
          const values = Array.from({ length: 4 }, () => `${NAME}=${randomBytes(42).toString('base64url')}`);
          return client.request({ headers: { cookie: values.join('; ') } });
        }),
      );
      client.close();
    }
    const { opened, missed } = await counts();
    assert.deepEqual({ opened, missed }, { opened: before.opened, missed: before.missed + 2500 });
  });

  it('among hundreds of its name is not looked for beyond the fourth', async () => {
    const value = await genuine();
    const bad = Array.from({ length: 200 }, () => `${NAME}=x`);
    const tooMany = () => bed.engines[0].metric('limpet_cookies_not_opened_total', 'too_many');
    const before = await tooMany();
    const headers = { cookie: [...bad, `${NAME}=${value}`].join('; ') };
    assert.equal((await new CookieClient().visit('h1', bed.ports[0], { headers })).status, 200);
    assert.equal(await tooMany(), before + 1);
  });

  it('in a field of 40 kB, of any bytes that a field may have, is answered', async () => {
    const noise = Array.from({ length: 9000 }, (_, index) => String.fromCharCode(0x21 + (index % 94))).join(
      '',
    );
    for (const version of bothVersions) {
      const client = openClient(version, bed.ports[0]);
      const reply = await client.request({ headers: { cookie: `${noise}; ${NAME}=${noise}` } });
      assert.ok([200, 431].includes(reply.status), String(reply.status));
      client.close();
    }
    assert.equal((await new CookieClient().visit('h1', bed.ports[0])).status, 200);
  });
});
