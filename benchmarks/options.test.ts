// What the benchmark's command line promises.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from './options.ts';

test('without options everything is measured at length', () => {
  const options = readOptions([]);
  assert.equal(options?.plan.name, 'full');
  assert.deepEqual(options?.subjects, ['limpet', 'haproxy', 'nginx']);
  assert.equal(options?.operations.length, 7);
});

test('operations and subjects can be chosen by name', () => {
  const options = readOptions(['--quick', '--only', 'tls13-full, h1-request', '--subjects', 'nginx,haproxy']);
  assert.equal(options?.plan.name, 'quick');
  assert.deepEqual(
    options?.operations.map(({ name }) => name),
    ['h1-request', 'tls13-full'],
  );
  assert.deepEqual(options?.subjects, ['haproxy', 'nginx']);
});

test('a name that does not exist is refused, with those that do', () => {
  assert.throws(() => readOptions(['--only', 'h3-request']), /h3-request.*h1-request/);
  assert.throws(() => readOptions(['--subjects', 'caddy']), /caddy.*haproxy/);
  assert.throws(() => readOptions(['--speed']), /--speed/);
});
