// What the reading of CPU time promises.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { cpuMicros } from './cpu-time.ts';
import { memoryKb } from './memory.ts';
import { processTree } from './process-tree.ts';

const onLinux = process.platform === 'linux' ? {} : { skip: 'reads /proc' };

test(
  'work of this process shows as CPU time, and agrees with what the process itself is told',
  onLinux,
  () => {
    const before = cpuMicros([process.pid]);
    const own = process.cpuUsage();
    let sum = 0;
    while (process.cpuUsage(own).user < 100_000) for (let i = 0; i < 1e5; i++) sum += i;
    assert.ok(sum > 0);
    const used = process.cpuUsage(own);
    const difference = cpuMicros([process.pid]) - before;
    assert.ok(Math.abs(difference - used.user - used.system) < 40_000, `${difference} µs`);
  },
);

test('a child belongs to the tree of its parent, until it has ended', onLinux, async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  assert.ok(processTree(process.pid).includes(child.pid!));
  assert.ok(memoryKb([child.pid!]).rssKb > 0);
  child.stdin.end();
  await once(child, 'exit');
  assert.deepEqual(processTree(child.pid!), []);
  assert.equal(cpuMicros([child.pid!]), 0);
});
