import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { DescriptorGuard, readDescriptorLimit } from './descriptor-guard.ts';

function guarded(limit: number | undefined) {
  const told: string[] = [];
  const guard = new DescriptorGuard(limit, {
    onShort: (detail) => told.push(detail),
    onEnough: () => told.push('enough'),
  });
  const admits = (fd: number) => guard.admits({ _handle: { fd } } as unknown as Socket);
  return { guard, told, admits };
}

describe('the descriptor guard', () => {
  it('admits clients up to its reserve, and refuses the others', () => {
    const { admits } = guarded(800);
    assert.ok(admits(699));
    assert.ok(!admits(700));
    assert.ok(!admits(799));
    assert.ok(admits(650));
  });

  it('tells of an episode once, and of its end when there is twice the reserve again', () => {
    const { admits, guard, told } = guarded(800);
    for (const descriptor of [700, 720, 690, 710, 601]) admits(descriptor);
    guard.note('a probe found none');
    assert.deepEqual(told, ['700 of 800 file descriptors are in use']);
    admits(599);
    assert.equal(told.at(-1), 'enough');
    guard.note('a probe found none');
    assert.equal(told.at(-1), 'a probe found none');
  });

  it('admits everybody where the limit or the number is not known', () => {
    assert.ok(guarded(undefined).admits(1_000_000));
    assert.ok(guarded(800).guard.admits({} as Socket));
  });

  it('reads the limit that this process has', () => {
    if (process.platform === 'linux') assert.ok((readDescriptorLimit() ?? 0) > 100);
  });
});
