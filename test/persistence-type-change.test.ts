import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { CookieClient, cookieProfile } from './support/cookie-client.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const NAME = 'LIMPET';
const TLS = { persistenceProfile: { persistence_type: 'PERSISTENCE_TYPE_TLS' } };
const COOKIE = { persistenceProfile: cookieProfile(NAME) };

describe('a persistence profile whose type is changed', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines(TLS);
  });
  after(() => bed.stop());

  const hits = async (method: 'tls' | 'http_cookie'): Promise<number> => {
    const counts = await Promise.all(
      bed.engines.map((engine) => engine.metric('limpet_persistence_hits_total', `method="${method}"`)),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  };

  it('loses no request, from TLS to cookie and back, twice, under load', async () => {
    let running = true;
    let requests = 0;
    const answered = (status: number): void => {
      assert.equal(status, 200);
      requests++;
    };
    const newConnections = Array.from({ length: 3 }, async (_, index) => {
      const client = new TicketClient({ version: index % 2 ? 'TLSv1.2' : 'TLSv1.3' });
      for (let turn = 0; running; turn++)
        answered((await client.visit(bed.ports[turn % 2] as number)).status);
    });
    const kept = Array.from({ length: 4 }, async (_, index) => {
      const client = new CookieClient();
      while (running) {
        const connection = client.connect(index % 2 ? 'h1' : 'h2', bed.ports[index % 2] as number);
        for (let turn = 0; running && turn < 80; turn++) answered((await connection.request()).status);
        connection.close();
      }
    });
    for (const changes of [COOKIE, TLS, COOKIE, TLS]) await bed.reload(changes);
    running = false;
    await Promise.all([...newConnections, ...kept]);
    assert.ok(requests > 50, `${requests} requests`);
  });

  it('counts the entries of its type only, and those again once it has that type again', async () => {
    const tickets = new TicketClient({ version: 'TLSv1.3', servername: 'entries.limpet.test' });
    const { server } = await tickets.visit(bed.ports[0]);
    const old = tickets.tickets.at(-1) as Buffer;

    await bed.reload(COOKIE);
    let [tls, cookies] = [await hits('tls'), await hits('http_cookie')];
    const shown = await tickets.visit(bed.ports[1], '/', old);
    assert.equal(shown.reused, false, 'its session is of a server that the connection does not belong to');
    assert.equal(await hits('tls'), tls, 'the ticket does not steer');
    const cookie = shown.headers.get('set-cookie') ?? '';
    assert.match(cookie, /^LIMPET=/, 'the client is given a cookie');
    const client = new CookieClient();
    client.jar.set(NAME, cookie.slice(NAME.length + 1, cookie.indexOf(';')));
    assert.equal((await client.visit('h1', bed.ports[0])).server, shown.server);
    assert.equal((await hits('http_cookie')) - cookies, 1);

    await bed.reload(TLS);
    [tls, cookies] = [await hits('tls'), await hits('http_cookie')];
    const { setCookies } = await client.visit('h2', bed.ports[0]);
    assert.deepEqual(setCookies, []);
    assert.equal(await hits('http_cookie'), cookies, 'the cookie does not steer');
    assert.equal(
      (await tickets.visit(bed.ports[1], '/', old)).server,
      server,
      'a ticket that is still alive does',
    );
    assert.equal((await hits('tls')) - tls, 1);

    await bed.reload(COOKIE);
    assert.equal((await client.visit('h1', bed.ports[1])).server, shown.server, 'and so does the cookie');
    await bed.reload(TLS);
  });

  it('leaves an open connection at its server, and gives its client the entry of the new type', async () => {
    // Another name each, so that the rule for first connections spreads them: six, or as many as it takes to see two servers.
    const connections = [];
    const used = new Set<string>();
    for (let index = 0; index < 6 || (used.size < 2 && index < 50); index++) {
      const client = new TicketClient({ servername: `open-${index}.limpet.test` });
      const connection = await client.connect(bed.ports[0]);
      const { server } = await connection.request('/');
      connections.push({ connection, server });
      used.add(server);
    }
    assert.ok(used.size > 1);
    await bed.reload(COOKIE);
    for (const { connection, server } of connections) {
      const answer = await connection.request('/');
      assert.equal(answer.server, server);
      const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] as string;
      const headers = { cookie };
      assert.equal((await new CookieClient().visit('h2', bed.ports[1], { headers })).server, server);
      await bed.engines[0].runtime();
    }
    await bed.reload(TLS);
    for (const { connection, server } of connections) {
      assert.equal((await connection.request('/')).server, server);
      await connection.close();
    }
  });
});
