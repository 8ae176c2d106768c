import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpSnapshot } from '@limpet/model';
import type { ResponseHead } from './message.ts';
import { responseLimitBroken, rewriteResponse } from './response-rewrite.ts';

const OFF = {
  cookieAttributes: { secure: false, httpOnly: false },
  redirectsToHttps: false,
  accelFields: false,
  responseHeadLimitBytes: 1024,
  fieldCountLimit: 8,
};

function rewritten(
  lines: string,
  rules: Partial<typeof OFF>,
  status = 200,
  secure = true,
  authority = 'a.test',
) {
  const head = { status, fieldLines: lines } as ResponseHead;
  return rewriteResponse(head, { ...OFF, ...rules } as HttpSnapshot, authority, secure).fieldLines;
}

describe('a cookie of a server', () => {
  const both = { cookieAttributes: { secure: true, httpOnly: true } };

  it('gets the attributes that it lacks, each cookie its own', () => {
    assert.equal(
      rewritten('Set-Cookie: a=1; Path=/\r\nX: y\r\nset-cookie: b=2; HTTPONLY\r\n', both),
      'Set-Cookie: a=1; Path=/; Secure; HttpOnly\r\nX: y\r\nset-cookie: b=2; HTTPONLY; Secure\r\n',
    );
  });

  it('has an attribute only where it stands as one', () => {
    assert.equal(
      rewritten('Set-Cookie: Secure=HttpOnly\r\n', both),
      'Set-Cookie: Secure=HttpOnly; Secure; HttpOnly\r\n',
    );
  });

  it('is not Secure to a client without TLS, which would throw it away', () => {
    assert.equal(rewritten('Set-Cookie: a=1\r\n', both, 200, false), 'Set-Cookie: a=1; HttpOnly\r\n');
  });

  it('is left alone where nothing is configured', () => {
    assert.equal(rewritten('Set-Cookie: a=1\r\n', {}), 'Set-Cookie: a=1\r\n');
  });
});

describe('a redirect of a server to http', () => {
  const on = { redirectsToHttps: true };
  for (const [authority, from, to] of [
    ['a.test', 'http://a.test/x?y#z', 'https://a.test/x?y#z'],
    ['a.test:8443', 'http://a.test/x', 'https://a.test:8443/x'],
    ['a.test:8443', 'http://A.test:8443/x', 'https://a.test:8443/x'],
    ['a.test', 'HTTP://a.test:80', 'https://a.test'],
    ['[::1]:8443', 'http://[::1]/x', 'https://[::1]:8443/x'],
    ['a.test', 'http://b.test/x', 'http://b.test/x'],
    ['a.test', 'http://a.test:8080/x', 'http://a.test:8080/x'],
    ['a.test', 'http://a.test@b.test/', 'http://a.test@b.test/'],
    ['a.test', 'https://a.test/x', 'https://a.test/x'],
    ['a.test', '/x', '/x'],
    ['', 'http://a.test/', 'http://a.test/'],
  ] as const) {
    it(`from ${authority} to ${from} is one to ${to}`, () => {
      assert.equal(rewritten(`Location: ${from}\r\n`, on, 302, true, authority), `Location: ${to}\r\n`);
    });
  }

  it('is left alone without TLS, in other statuses, and where nothing is configured', () => {
    const line = 'Location: http://a.test/\r\n';
    assert.equal(rewritten(line, on, 302, false), line);
    assert.equal(rewritten(line, on, 201), line);
    assert.equal(rewritten(line, {}, 302), line);
  });
});

describe('a word of a server to a proxy of its own', () => {
  it('goes no further unless it is to', () => {
    const lines = 'X-Accel-Redirect: /secret\r\nX-Accel: a\r\nX-Accel-Buffering: no\r\nX: y\r\n';
    assert.equal(rewritten(lines, {}), 'X-Accel: a\r\nX: y\r\n');
    assert.equal(rewritten(lines, { accelFields: true }), lines);
  });
});

describe('a response head', () => {
  const broken = (fieldLines: string, reason = '') =>
    responseLimitBroken({ reason, fieldLines } as ResponseHead, OFF as HttpSnapshot);

  it('is held to the size and number of fields of the profile', () => {
    assert.equal(broken('a: b\r\n'.repeat(8)), undefined);
    assert.equal(broken('a:\r\n'.repeat(8)), undefined);
    assert.equal(broken('a: b\r\n'.repeat(9)), 'too many fields');
    assert.equal(broken(`a: ${'b'.repeat(1020)}\r\n`), 'head too large');
    assert.equal(broken(`a: ${'b'.repeat(1019)}\r\n`), undefined);
    assert.equal(broken('', 'b'.repeat(1025)), 'head too large', 'its reason phrase, too');
    assert.equal(broken('', 'b'.repeat(1024)), undefined);
  });
});
