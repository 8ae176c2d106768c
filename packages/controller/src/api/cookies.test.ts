import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCookies, setCookie } from './cookies.ts';

describe('cookies', () => {
  it('are read, and of one name the last', () => {
    const cookies = readCookies('csrftoken=old; sessionid=a; csrftoken=new; avi-sessionid="q"; broken; =x;');
    assert.deepEqual(
      [...cookies],
      [
        ['csrftoken', 'new'],
        ['sessionid', 'a'],
        ['avi-sessionid', 'q'],
      ],
    );
    assert.equal(readCookies(undefined).size, 0);
  });

  it('are set for https only', () => {
    assert.equal(
      setCookie('sessionid', 'x', { maxAgeS: 60.5, httpOnly: true }),
      'sessionid=x; Max-Age=60; Path=/; Secure; SameSite=Lax; HttpOnly',
    );
  });
});
