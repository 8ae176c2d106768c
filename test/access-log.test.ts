// The access log gets in nobody's way: a reader that stands still, a full disk and a rotation cost records at most, never requests.

import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

let origin: OriginServer;
before(async () => {
  origin = await startOriginServer();
});
after(() => origin.stop());

/** Asks until the engine has dropped a record; every answer must be a 200. */
async function askUntilDropped({ engine, port }: OneEngine): Promise<void> {
  const client = openClient('h2', port);
  // Records are some hundred bytes; a long path fills 8 MiB of memory sooner.
  const path = `/${'x'.repeat(7000)}`;
  await eventually(
    async () => {
      const replies = await Promise.all(Array.from({ length: 60 }, () => client.request({ path })));
      for (const { status } of replies) assert.equal(status, 200);
      return (await engine.metric('limpet_log_records_dropped_total')) > 0;
    },
    'a record is dropped',
    30_000,
  );
  client.close();
}

/** So many requests that one connection would not carry them all. */
const UNENDING = { http2_profile: { max_http2_requests_per_connection: 0 } };

describe('the access log', { concurrency: 2 }, () => {
  it('on a standard output that nobody reads drops records, answers requests, and lets the engine end', async () => {
    const bed = await startOneEngine(origin, { httpProfile: UNENDING }, ['--access-log', '-']);
    const { child, exited } = bed.engine.process;
    child.stdout?.pause();
    try {
      await askUntilDropped(bed);
      child.kill('SIGTERM');
      const late = new Promise((resolve) => setTimeout(resolve, 60_000, 'late').unref());
      const outcome = await Promise.race([exited, late]);
      assert.equal(outcome, 0);
    } finally {
      child.stdout?.resume();
      await bed.stop();
    }
  });

  it('on a full disk drops records and answers requests', async () => {
    const bed = await startOneEngine(origin, { httpProfile: UNENDING }, ['--access-log', '/dev/full']);
    try {
      await askUntilDropped(bed);
    } finally {
      await bed.stop();
    }
  });

  it('is opened anew on SIGHUP, so that its file can be rotated', async () => {
    const bed = await startOneEngine(origin);
    const log = join(bed.fleet.folder, 'engine-0.log');
    const client = openClient('h1', bed.port);
    try {
      const first = await client.request({ path: '/first' });
      await bed.recordOf(String(first.headers['x-request-id']));
      renameSync(log, `${log}.1`);
      bed.engine.process.child.kill('SIGHUP');
      await eventually(() => bed.engine.process.stderr().includes('CONFIG_UNCHANGED'), 'SIGHUP is answered');
      const second = await client.request({ path: '/second' });
      await bed.recordOf(String(second.headers['x-request-id']));
      assert.match(readFileSync(`${log}.1`, 'utf8'), /"uri_path":"\/first"/);
      assert.doesNotMatch(readFileSync(log, 'utf8'), /"uri_path":"\/first"/);
    } finally {
      client.close();
      await bed.stop();
    }
  });

  it('holds no cookie, no credentials and no query (R5)', async () => {
    const bed = await startOneEngine(origin);
    const client = openClient('h1', bed.port);
    try {
      const reply = await client.request({
        path: '/path?token=in-the-query',
        headers: { cookie: 'session=in-the-cookie', authorization: 'Bearer in-the-authorization' },
      });
      const record = await bed.recordOf(String(reply.headers['x-request-id']));
      assert.equal(record.uri_path, '/path');
      assert.doesNotMatch(readFileSync(join(bed.fleet.folder, 'engine-0.log'), 'utf8'), /in-the-/);
    } finally {
      client.close();
      await bed.stop();
    }
  });
});
