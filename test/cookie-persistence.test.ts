import assert from 'node:assert/strict';
import { request as requestPlain } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { CookieClient, cookieProfile } from './support/cookie-client.ts';
import { eventually } from './support/engine.ts';
import { bothVersions } from './support/http-clients.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const NAME = 'LIMPET';
const VISITS = 100;

describe('a client that returns with its cookie', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({ persistenceProfile: cookieProfile(NAME) });
  });
  after(() => bed.stop());

  const total = async (metric: string, ...labels: readonly string[]): Promise<number> => {
    const [first, second] = await Promise.all(bed.engines.map((engine) => engine.metric(metric, ...labels)));
    return (first as number) + (second as number);
  };

  for (const version of bothVersions) {
    it(`reaches its own server in ${VISITS} of ${VISITS} visits over alternating engines (${version})`, async () => {
      const hits = await total('limpet_persistence_hits_total', 'method="http_cookie"');
      const client = new CookieClient();
      const { server } = await client.visit(version, bed.ports[0]);
      for (let turn = 1; turn <= VISITS; turn++) {
        const visit = await client.visit(version, bed.ports[turn % 2] as number);
        assert.equal(visit.server, server, `visit ${turn}`);
        assert.deepEqual(visit.setCookies, [], 'one that is good is not sent again');
      }
      assert.equal((await total('limpet_persistence_hits_total', 'method="http_cookie"')) - hits, VISITS);
    });
  }

  it('reaches it by whatever version of HTTP, and from the connection of another client', async () => {
    const clients = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const client = new CookieClient();
        const { server } = await client.visit(index % 2 ? 'h1' : 'h2', bed.ports[index % 2] as number);
        return { client, server };
      }),
    );
    const shared = new CookieClient().connect('h2', bed.ports[0]);
    for (const { client, server } of clients) {
      const headers = { cookie: `${NAME}=${client.jar.get(NAME)}` };
      assert.equal((await client.visit('h1', bed.ports[1])).server, server);
      assert.equal((await shared.request({ headers })).server, server, 'a proxy may carry many clients');
    }
    shared.close();
  });

  it('is recorded as persistent, and no record holds a cookie', async () => {
    const client = new CookieClient();
    await client.visit('h1', bed.ports[0], { path: '/first' });
    await client.visit('h1', bed.ports[0], { path: '/second' });
    const value = client.jar.get(NAME) as string;
    const find = (path: string) =>
      bed.engines[0].records().find(({ record, uri_path }) => record === 'request' && uri_path === path);
    await eventually(
      () => find('/first') !== undefined && find('/second') !== undefined,
      'the records are written',
    );
    assert.deepEqual(
      ['/first', '/second'].map((path) => [find(path)?.persistence_used, find(path)?.cookie]),
      [
        [false, 'none'],
        [true, 'opened'],
      ],
    );
    assert.ok(!JSON.stringify(bed.engines[0].records()).includes(value));
    assert.ok(!bed.engines[0].process.stderr().includes(value));
  });

  it('keeps the cookie from the server, and its other cookies as they are', async () => {
    const client = new CookieClient();
    await client.visit('h1', bed.ports[0]);
    const cookie = `a=1; ${NAME}=${client.jar.get(NAME)}; b="2 3"`;
    for (const version of bothVersions) {
      const { body } = await client.visit(version, bed.ports[1], { headers: { cookie } });
      const seen = JSON.parse(body.toString()) as { headers: Record<string, string> };
      assert.equal(seen.headers.cookie, 'a=1; b="2 3"');
      const alone = await client.visit(version, bed.ports[1]);
      assert.ok(!('cookie' in (JSON.parse(alone.body.toString()) as typeof seen).headers));
    }
  });

  it('is found among crumbs of an HTTP/2 client, and behind bad ones of the same name', async () => {
    const client = new CookieClient();
    const { server } = await client.visit('h2', bed.ports[0]);
    const good = `${NAME}=${client.jar.get(NAME)}`;
    for (const cookie of [`x=1; ${NAME}=bad; ${NAME}=; ${good}`, `${good}; ${NAME}=bad`]) {
      const visit = await client.visit('h2', bed.ports[1], { headers: { cookie } });
      assert.equal(visit.server, server);
    }
  });

  it('has its large bodies there, too', async () => {
    const client = new CookieClient();
    const { server } = await client.visit('h1', bed.ports[0]);
    const body = Buffer.alloc(300_000, 'x');
    for (const version of bothVersions) {
      const echo = await client.visit(version, bed.ports[1], { method: 'POST', path: '/echo', body });
      assert.equal(echo.server, server);
      assert.ok(echo.body.equals(body));
    }
  });

  it('resumes its TLS sessions: tickets are there, and steer nowhere', async () => {
    const reused = await total('limpet_handshakes_reused_total');
    const { TicketClient } = await import('@limpet/testkit');
    const tickets = new TicketClient({ version: 'TLSv1.3' });
    await tickets.visit(bed.ports[0]);
    assert.equal((await tickets.visit(bed.ports[1])).reused, true);
    assert.equal((await total('limpet_handshakes_reused_total')) - reused, 1);
    assert.equal(await total('limpet_persistence_hits_total', 'method="tls"'), 0);
  });
});

describe('a persistence cookie', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({ persistenceProfile: cookieProfile(NAME) }, 3, ['--workers', '1']);
  });
  after(() => bed.stop());

  let applied = '{}';
  const withProfile = async (fields: Readonly<Record<string, unknown>>) => {
    if (JSON.stringify(fields) === applied) return;
    applied = JSON.stringify(fields);
    await bed.reload({ persistenceProfile: cookieProfile(NAME, fields) });
  };
  const firstCookie = async () => {
    const { setCookies, headers } = await new CookieClient().visit('h1', bed.ports[0]);
    assert.equal(setCookies.length, 1, setCookies.join('\n'));
    return { cookie: setCookies[0] as string, headers };
  };

  // First, while the engines have seen no client: after six first requests of one in ten seconds it is a crowd, and is spread.
  it('has the first requests of a client agree on a server, in parallel on one connection and on several', async () => {
    const together = new CookieClient().connect('h2', bed.ports[0]);
    const alone = Array.from({ length: 4 }, (_, index) =>
      new CookieClient().connect('h2', bed.ports[index % 2] as number),
    );
    for (const connections of [Array.from({ length: 20 }, () => together), alone]) {
      const answers = await Promise.all(
        connections.map((connection) => connection.request({ headers: { cookie: 'a=1' } })),
      );
      assert.equal(new Set(answers.map(({ server }) => server)).size, 1);
    }
    for (const connection of [together, ...alone]) connection.close();
  });

  it('is opaque, of one size, for the whole site, Secure over TLS, and gone with the session', async () => {
    await withProfile({});
    const { cookie } = await firstCookie();
    assert.match(cookie, /^LIMPET=[A-Za-z0-9_-]{56}; Path=\/; SameSite=Lax; Secure$/);
  });

  it('is HttpOnly, and outlives the session, only where the profile says so', async () => {
    await withProfile({ http_only: true, timeout: 90 });
    assert.match((await firstCookie()).cookie, /; Path=\/; SameSite=Lax; Secure; HttpOnly$/);
    await withProfile({ is_persistent_cookie: true, timeout: 90 });
    assert.match((await firstCookie()).cookie, /; Path=\/; Max-Age=5400; SameSite=Lax; Secure$/);
    await withProfile({});
  });

  it('keeps its answer out of shared caches, unless the server does', async () => {
    const { headers } = await firstCookie();
    assert.equal(headers['cache-control'], 'private');
    const own = await new CookieClient().visit('h1', bed.ports[0], {
      path: '/headers?cache-control=no-store',
    });
    assert.equal(own.setCookies.length, 1);
    assert.equal(own.headers['cache-control'], 'no-store');
    const shared = await new CookieClient().visit('h2', bed.ports[0], {
      path: '/headers?cache-control=public,%20max-age=60',
    });
    assert.equal(shared.headers['cache-control'], 'public, max-age=60, private');
    const client = new CookieClient();
    await client.visit('h1', bed.ports[0]);
    assert.equal((await client.visit('h1', bed.ports[0])).headers['cache-control'], undefined);
  });

  it('is sent once on a connection, or with always_send_cookie whenever none comes', async () => {
    for (const [fields, expected] of [
      [{}, [1, 0, 0]],
      [{ always_send_cookie: true }, [1, 1, 1]],
    ] as const) {
      await withProfile(fields);
      for (const version of bothVersions) {
        const forgetful = new CookieClient().connect(version, bed.ports[0]);
        const counts: number[] = [];
        for (let turn = 0; turn < 3; turn++) {
          const { setCookies } = await forgetful.request({ headers: { cookie: 'a=1' } });
          counts.push(setCookies.length);
        }
        forgetful.close();
        assert.deepEqual(counts, expected, version);
      }
      const keeping = new CookieClient().connect('h1', bed.ports[0]);
      assert.equal((await keeping.request()).setCookies.length, 1);
      assert.equal((await keeping.request()).setCookies.length, 0, 'one comes');
      keeping.close();
    }
    await withProfile({});
  });

  it('of that name from a server does not reach the client, others do', async () => {
    const path = `/headers?set-cookie=${encodeURIComponent(`${NAME}=mine; Path=/`)}&set-cookie=app%3D1`;
    const client = new CookieClient();
    for (const version of bothVersions) {
      const { setCookies } = await client.visit(version, bed.ports[0], { path });
      assert.ok(setCookies.includes('app=1'), setCookies.join());
      assert.ok(!setCookies.some((line) => line.startsWith(`${NAME}=mine`)), setCookies.join());
    }
    assert.equal(client.jar.get(NAME)?.length, 56);
  });

  it('is not sent with the answers of the engine itself', async () => {
    const setAll = (healthy: boolean) =>
      Promise.all(bed.servers.map(({ name }) => bed.setHealth(name, healthy)));
    await setAll(false);
    const refused = await new CookieClient().visit('h1', bed.ports[0]);
    assert.equal(refused.status, 503);
    assert.deepEqual(refused.setCookies, []);
    await setAll(true);
  });

  it('has the same name on every engine where the profile gives none', async () => {
    applied = '';
    await bed.reload({ persistenceProfile: { persistence_type: 'PERSISTENCE_TYPE_HTTP_COOKIE' } });
    const client = new CookieClient();
    const { server, setCookies } = await client.visit('h1', bed.ports[0]);
    assert.match(setCookies[0] ?? '', /^[A-Z]{8}=/);
    const second = await client.visit('h1', bed.ports[1]);
    assert.equal(second.server, server);
    assert.deepEqual(second.setCookies, []);
  });
});

describe('a persistence cookie without TLS', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({
      persistenceProfile: cookieProfile(NAME),
      virtualService: { services: [{ port: 0, enable_ssl: false }], ssl_key_and_certificate_refs: [] },
    });
  });
  after(() => bed.stop());

  const visit = (port: number, cookie?: string) =>
    new Promise<{ server: string; setCookie: string | undefined }>((resolve, reject) => {
      const headers = cookie === undefined ? {} : { cookie };
      requestPlain({ host: '127.0.0.1', port, agent: false, headers }, (response) => {
        response.resume();
        response.on('end', () =>
          resolve({
            server: String(response.headers['x-demo-server']),
            setCookie: response.headers['set-cookie']?.[0],
          }),
        );
      })
        .on('error', reject)
        .end();
    });

  it('leads back over alternating engines, and is not Secure', async () => {
    const first = await visit(bed.ports[0]);
    assert.match(first.setCookie ?? '', /^LIMPET=[\w-]{56}; Path=\/; SameSite=Lax$/);
    for (let turn = 0; turn < 20; turn++) {
      const { server } = await visit(bed.ports[turn % 2] as number, first.setCookie?.split(';')[0]);
      assert.equal(server, first.server);
    }
  });
});
