// A short soak from a fixed seed; `npm run soak` goes on for as long as wanted, and judges memory, too.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { excuseOf, type Kill, LostRequests } from './soak/outcomes.ts';
import { runSoak } from './soak/run-soak.ts';
import { growthOf, type Vitals } from './soak/vitals.ts';

describe('a soak', () => {
  it('of a few seconds loses no request and leaves no socket, deadline or count behind', async () => {
    const lines: string[] = [];
    const { failures, outcomes, answeredByKind, disturbances } = await runSoak({
      ...{ durationMs: 10_000, seed: 1, scale: 1 },
      print: (line) => lines.push(line),
    });
    assert.deepEqual(failures, [], lines.join('\n'));
    assert.equal(outcomes.lost, 0);
    assert.ok(outcomes.answered > 100 && outcomes.aborted > 10, JSON.stringify(outcomes));
    for (const kind of [
      ...['h1 TLSv1.2', 'h1 TLSv1.3', 'h1', 'h2'],
      ...['WebSocket over h1', 'WebSocket over h2', 'gRPC', 'slow reader'],
    ])
      assert.ok((answeredByKind[kind] ?? 0) > 0, kind);
    assert.ok((disturbances.reload ?? 0) > 0);
  });

  it('excuses a request that was at a server when that was killed, if it could not be sent again, and no other', () => {
    const kills: Kill[] = [{ server: 'web-1', atMs: 1000 }];
    const failure = {
      ...{ kind: 'h1', mark: 'm1', startedAtMs: 900, failedAtMs: 1100, what: 'status 502', notSent: false },
    };
    const record = {
      ...{ uri_path: '/echo/m1', method: 'POST', response_code: 502 },
      ...{ server_name: 'web-1', error: 'SERVER_CONNECTION_LOST' },
    };
    assert.equal(excuseOf(failure, record, kills), 'server-killed');
    assert.equal(excuseOf(failure, { ...record, method: 'GET' }, kills), undefined);
    assert.equal(
      excuseOf(failure, { ...record, method: 'GET', response_code: 200 }, kills),
      'server-killed',
      'its answer had begun',
    );
    assert.equal(excuseOf(failure, { ...record, server_name: 'web-2' }, kills), undefined);
    assert.equal(excuseOf(failure, { ...record, error: 'SERVER_UNREACHABLE' }, kills), undefined);
    assert.equal(excuseOf({ ...failure, startedAtMs: 3000, failedAtMs: 3100 }, record, kills), undefined);
    assert.equal(excuseOf({ ...failure, failedAtMs: 950 }, record, kills), undefined);
    assert.equal(excuseOf(failure, undefined, kills), undefined);
    assert.equal(excuseOf({ ...failure, notSent: true }, undefined, kills), 'told-to-reconnect');
    assert.equal(excuseOf({ ...failure, notSent: true }, { ...record, method: 'GET' }, kills), undefined);
  });

  it('tells of what all its lost requests were lost, however many there are', () => {
    const lost = new LostRequests();
    const failure = (mark: string) => ({
      ...{ kind: 'h1', mark, startedAtMs: 900, failedAtMs: 1000, notSent: false },
      what: `GET /slow/${mark}?ms=104: 502, 115 bytes`,
    });
    const record = {
      ...{ uri_path: '/slow', method: 'GET', response_code: 502, server_name: 'web-1' },
      ...{ error: 'SERVER_STREAM_RESET', error_detail: 'CANCEL' },
    };
    for (let at = 0; at < 200; at++) lost.add(failure(`m${at}`), record);
    lost.add({ ...failure('mx'), kind: 'h2', failedAtMs: 5000 }, { ...record, server_name: 'web-2' });
    lost.add(failure('my'), undefined);
    lost.add(failure('mz'), undefined);
    assert.deepEqual(
      lost.causes.map(({ what, count, at, spanMs }) => [what, count, at, spanMs]),
      [
        [
          'SERVER_STREAM_RESET (CANCEL), GET answered 502',
          201,
          { h1: 200, h2: 1, 'web-1': 200, 'web-2': 1 },
          [1000, 5000],
        ],
        ['no record; GET /… 502, 115 bytes', 2, { h1: 2, 'no server': 2 }, [1000, 1000]],
      ],
    );
    assert.ok(lost.causes.every(({ examples }) => examples.length >= 2 && examples.length <= 3));
  });

  it('finds growth in samples that grow, and none in a saw', () => {
    const samples = (bytesAt: (index: number) => number): Vitals[] =>
      Array.from({ length: 100 }, (_, index) => ({
        ...{ descriptors: 0, heapBytes: 0, deadlines: 0 },
        ...{ openConnections: 0, placedConnections: 0, activeRequests: 0, queuedRequests: 0 },
        peakRssBytes: 0,
        atMs: index * 5000,
        rssBytes: bytesAt(index),
      }));
    const leaking = growthOf(
      samples((index) => 100e6 + index * 400_000),
      'rssBytes',
    );
    assert.ok(leaking.bytes > leaking.allowedBytes, JSON.stringify(leaking));
    const saw = growthOf(
      samples((index) => 100e6 + (index % 10) * 4e6),
      'rssBytes',
    );
    assert.ok(saw.bytes <= saw.allowedBytes, JSON.stringify(saw));
  });
});
