import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REPORTS_WAITING_MAX } from '@limpet/model';
import { ReportQueue } from './report-queue.ts';

describe('reports that wait for the Controller', () => {
  it('are of state the newest only, of events as many as fit, and what is dropped is counted', () => {
    const queue = new ReportQueue();
    for (let atMs = 1; atMs <= 3; atMs++) queue.put({ topic: 'runtime', atMs, body: atMs });
    assert.deepEqual(queue.take(), { topic: 'runtime', atMs: 3, body: 3 });
    assert.equal(queue.take(), undefined);
    assert.equal(queue.dropped, 2);
    for (let atMs = 0; atMs < REPORTS_WAITING_MAX + 5; atMs++)
      queue.put({ topic: 'events', atMs, body: atMs });
    assert.equal(queue.dropped, 7);
    const left: number[] = [];
    for (let report = queue.take(); report !== undefined; report = queue.take()) left.push(report.atMs);
    assert.equal(left.length, REPORTS_WAITING_MAX);
    assert.equal(left[0], 5, 'the oldest are dropped');
  });
});
