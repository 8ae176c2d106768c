import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configurationWith, load, whereOf } from '../test-configuration.ts';

describe('a fail_action', () => {
  const edits = { 'Pool[0].fail_action': { type: 'FAIL_ACTION_HTTP_LOCAL_RSP' } };

  it('is noticed to have no effect in a pool that nothing monitors', () => {
    const { notices } = load(configurationWith({ ...edits, 'Pool[0].health_monitor_refs': [] }));
    assert.deepEqual(notices.map(whereOf), ['Pool "demo-pool", fail_action']);
  });

  it('is nothing to notice in a pool with a monitor', () => {
    assert.deepEqual(load(configurationWith(edits)).notices, []);
  });
});
