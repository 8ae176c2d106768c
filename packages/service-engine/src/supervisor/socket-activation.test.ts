import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { activatedDescriptors, withoutActivation } from './socket-activation.ts';

describe('socket activation', () => {
  it('takes the descriptors from 3 on that are meant for this process', () => {
    assert.deepEqual(activatedDescriptors({ LISTEN_PID: '77', LISTEN_FDS: '3' }, 77), [3, 4, 5]);
  });

  it('takes none that are meant for another process, nor from an environment that makes no sense', () => {
    assert.deepEqual(activatedDescriptors({}, 77), []);
    assert.deepEqual(activatedDescriptors({ LISTEN_PID: '76', LISTEN_FDS: '1' }, 77), []);
    for (const LISTEN_FDS of ['', '0', '-1', '1.5', 'many', '1000000'])
      assert.deepEqual(activatedDescriptors({ LISTEN_PID: '77', LISTEN_FDS }, 77), [], LISTEN_FDS);
  });

  it('is not handed on to processes that are started', () => {
    const environment = {
      PATH: '/bin',
      LISTEN_PID: '1',
      LISTEN_FDS: '1',
      LISTEN_FDNAMES: 'a',
      NOTIFY_SOCKET: '@x',
    };
    assert.deepEqual(withoutActivation(environment), { PATH: '/bin' });
  });
});
