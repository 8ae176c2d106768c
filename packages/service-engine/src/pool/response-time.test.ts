import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { observeResponse, RESPONSE_MEMORY_MS, responseMsOf } from './response-time.ts';
import { ServerTable } from './server-table.ts';

const NOW_MS = 2 ** 31 - 5000;

function startTable() {
  const memory = ServerTable.allocate(2, 2);
  const [one, other] = [new ServerTable(memory, 2, 0), new ServerTable(memory, 2, 1)];
  return {
    observe: (ms: number, atMs: number) => observeResponse(one, 1, ms, NOW_MS + atMs),
    seen: (atMs: number) => responseMsOf(other, 1, NOW_MS + atMs),
  };
}

describe('the response time of a server', () => {
  it('is not known at first, and then what one worker measured is seen by all', () => {
    const { observe, seen } = startTable();
    assert.equal(seen(0), 0);
    observe(12.5, 0);
    assert.equal(seen(0), 12.5);
  });

  it('rises at once and in full, and falls little by little', () => {
    const { observe, seen } = startTable();
    observe(10, 0);
    observe(100, 10);
    assert.equal(seen(10), 100);
    observe(10, 1010);
    assert.ok(seen(1010) > 90 && seen(1010) < 95, `${seen(1010)}`);
    for (let atMs = 1010; atMs < 60_000; atMs += 100) observe(10, atMs);
    assert.ok(Math.abs(seen(59_910) - 10) < 1, `${seen(59_910)}`);
  });

  it('fades while nothing is measured, so that a slow server is tried again', () => {
    const { observe, seen } = startTable();
    observe(1000, 0);
    assert.ok(Math.abs(seen(RESPONSE_MEMORY_MS) - 1000 / Math.E) < 1);
    assert.ok(seen(10 * RESPONSE_MEMORY_MS) < 1);
  });
});
