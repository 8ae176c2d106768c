// Each load-balancing algorithm's share under load, through real engines. Bounds are five standard deviations of a fair draw, or wider.

import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { type DemoConfigurationOptions, demoConfiguration } from '@limpet/testkit';
import { createFleet, type Engine, type Fleet } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const CLIENTS = 12;

/** Answers after a while, so that requests are under way together. */
async function startServer(delayMs: number): Promise<OriginServer> {
  return startOriginServer((_request, response) => void setTimeout(() => response.end('ok'), delayMs));
}

describe('load balancing without persistence', () => {
  let fleet: Fleet;
  let servers: OriginServer[];
  let engine: Engine;
  const configuration = (
    lb_algorithm: string,
    ratios: readonly number[],
    options: Partial<DemoConfigurationOptions> = {},
  ) =>
    demoConfiguration({
      port: 0,
      servers: servers.map(({ port }, at) => ({ name: `web-${at}`, port, ratio: ratios[at] ?? 1 })),
      certificate: fleet.certificate.certificatePem,
      key: fleet.certificate.privateKeyPem,
      persistence: false,
      monitored: false,
      pool: { lb_algorithm, ...options.pool },
    });
  before(async () => {
    fleet = await createFleet();
    servers = await Promise.all([startServer(4), startServer(4), startServer(4)]);
    engine = await fleet.startEngine(configuration('LB_ALGORITHM_ROUND_ROBIN', [1, 1, 1]), [
      '--workers',
      '2',
    ]);
  });
  after(async () => {
    await fleet.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  /** How many of so many requests of many clients each server got, as parts of the whole. */
  async function sharesOf(requests: number): Promise<number[]> {
    const before = servers.map((server) => server.requests.length);
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const client = openClient('h1', engine.port);
        for (let at = 0; at < requests / CLIENTS; at++) assert.equal((await client.request()).status, 200);
        client.close();
      }),
    );
    return servers.map((server, at) => (server.requests.length - (before[at] as number)) / requests);
  }

  for (const [algorithm, off] of [
    ['LB_ALGORITHM_ROUND_ROBIN', 0.03],
    ['LB_ALGORITHM_LEAST_CONNECTIONS', 0.08],
    ['LB_ALGORITHM_RANDOM', 0.12],
  ] as const) {
    it(`gives servers of ratio 1, 2 and 3 a sixth, a third and a half by ${algorithm}`, async () => {
      await engine.reload(configuration(algorithm, [1, 2, 3]));
      const shares = await sharesOf(960);
      for (const [at, share] of shares.entries())
        assert.ok(Math.abs(share - (at + 1) / 6) < off, `server ${at} got ${share}`);
    });
  }

  it('gives the slow one of three servers less than half of its share by LB_ALGORITHM_FASTEST_RESPONSE', async () => {
    const [slow] = servers as [OriginServer];
    slow.handler = (_request, response) => void setTimeout(() => response.end('ok'), 250);
    await engine.reload(configuration('LB_ALGORITHM_FASTEST_RESPONSE', [1, 1, 1]));
    const [share, ...others] = await sharesOf(960);
    assert.ok((share as number) < 1 / 6, `${share}`);
    assert.ok((share as number) > 0, 'it is tried');
    for (const other of others) assert.ok(other > 0.3, `${others}`);
  });

  it('leads an address to the same server on every engine by LB_ALGORITHM_CONSISTENT_HASH', async () => {
    const hashed = configuration('LB_ALGORITHM_CONSISTENT_HASH', [1, 1, 1]);
    await engine.reload(hashed);
    const other = await fleet.startEngine(hashed, ['--workers', '2']);
    for (const [at, server] of servers.entries())
      server.handler = (_request, response) => void response.end(String(at));
    const seen = new Set<string>();
    // As many addresses as it takes to see every server.
    for (let host = 1; host <= 6 || (seen.size < 3 && host <= 100); host++) {
      const answers = new Set<string>();
      for (const port of [engine.port, other.port, engine.port, other.port])
        answers.add(await askFrom(`127.0.1.${host}`, port));
      assert.equal(answers.size, 1, `127.0.1.${host} reached ${[...answers]}`);
      for (const answer of answers) seen.add(answer);
    }
    assert.equal(seen.size, 3, 'every server has some');
  });
});

function askFrom(localAddress: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        host: '127.0.0.1',
        port,
        localAddress,
        agent: false,
        rejectUnauthorized: false,
        servername: 'localhost',
      },
      (response) => {
        let text = '';
        response.on('data', (part: Buffer) => (text += part.toString()));
        response.on('end', () => resolve(text));
      },
    );
    asking.on('error', reject);
    asking.setTimeout(10_000, () => asking.destroy(new Error('no answer')));
    asking.end();
  });
}
