// What the result table promises.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResultRow } from './result-row.ts';
import { resultTable } from './table.ts';

const row: ResultRow = {
  operation: 'h1-request',
  subject: 'limpet',
  cpuMicros: 31.42,
  ratioToHaproxy: 1.151,
  reference: 'haproxy',
  ci95: [1.1, 1.2],
  unit: 'µs',
  spread: 0.031,
  rounds: 5,
  values: [30, 31, 31.42, 32, 33],
  operations: 1000,
};

test('every line of the table has the same width, and an operation is named once', () => {
  const table = resultTable([
    row,
    { ...row, subject: 'haproxy', cpuMicros: 27, ratioToHaproxy: 1, ci95: [1, 1] },
  ]);
  const lines = table.split('\n');
  assert.equal(lines.length, 4);
  assert.deepEqual([...new Set(lines.map((line) => line.length))].length, 1);
  assert.equal(table.match(/h1-request/g)?.length, 1);
  assert.match(lines[2]!, /31\.4 µs .* 3\.1 % .* 1\.15 .* 1\.100 to 1\.200/);
});

test('the share of resumed connections that reached their server is shown where it was measured', () => {
  const table = resultTable([
    { ...row, operation: 'tls13-resumed', resumedShare: 1, renewedShare: 0.5, ownServerShare: 0.333 },
  ]);
  assert.match(table, /100\.0 % \| +50\.0 % \| +33\.3 %/);
});

test('a subject without HAProxy beside it has no ratio', () => {
  const { ratioToHaproxy: _ratio, reference: _reference, ci95: _ci95, ...alone } = row;
  assert.doesNotMatch(resultTable([alone]), /1\.15|undefined|NaN/);
});
