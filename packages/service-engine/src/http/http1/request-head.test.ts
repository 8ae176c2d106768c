// The promises of the request parser, rule by rule of RFC 9110 and RFC 9112: request line, fields and size.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldPairs } from './test-message.ts';
import { accept, parse, refuse } from './test-request-head.ts';

describe('the request line', () => {
  it('is read into method, target and version', () => {
    const head = accept('', 'PROPFIND /a/b?c=d&e HTTP/1.1');
    assert.deepEqual([head.method, head.target, head.version], ['PROPFIND', '/a/b?c=d&e', '1.1']);
    assert.equal(accept('', 'GET / HTTP/1.0').version, '1.0');
  });

  it('treats a later minor version as 1.1 and no other major version as HTTP', () => {
    assert.equal(accept('', 'GET / HTTP/1.7').version, '1.1');
    for (const version of ['HTTP/0.9', 'HTTP/2.0', 'HTTP/3.0'])
      refuse('VERSION_NOT_SUPPORTED', '', `GET / ${version}`);
  });

  it('has one space between its parts, and none at its ends', () => {
    for (const line of [
      'GET  / HTTP/1.1',
      'GET /  HTTP/1.1',
      'GET\t/ HTTP/1.1',
      ' GET / HTTP/1.1',
      'GET / HTTP/1.1 ',
      'GET /a b HTTP/1.1',
      'GET\xa0/ HTTP/1.1',
      'GET / HTTP/1.1\t',
    ])
      refuse('REQUEST_MALFORMED', '', line);
  });

  it('refuses versions that are not written as the grammar writes them', () => {
    for (const version of [
      '',
      'http/1.1',
      'HTTP/1',
      'HTTP/1.10',
      'HTTP/01.1',
      'HTTP/1,1',
      'HTTP /1.1',
      'HTTP/+1.1',
    ])
      refuse('REQUEST_MALFORMED', '', `GET / ${version}`);
  });

  it('refuses a method that is no token', () => {
    for (const method of ['', 'GE(T', 'GET,', 'G\xc4T', '"GET"', 'GET:', 'GET/'])
      refuse('REQUEST_MALFORMED', '', `${method} / HTTP/1.1`);
    assert.equal(accept('', "!#$%&'*+-.^_`|~aZ9 / HTTP/1.1").method, "!#$%&'*+-.^_`|~aZ9");
  });

  it('refuses control characters and bytes beyond ASCII in the target', () => {
    for (const character of ['\0', '\t', '\x0b', '\x7f', '\x80', '\xff'])
      refuse('REQUEST_MALFORMED', '', `GET /a${character}b HTTP/1.1`);
  });

  it('may come after two empty lines and not after three', () => {
    const parsed = parse('\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.ok(parsed.kind === 'head');
    assert.equal(parsed.headBytes, 4 + 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.length);
    assert.equal(parse('\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n').kind, 'refused');
    assert.equal(parse('\nGET / HTTP/1.1\r\nHost: a\r\n\r\n').kind, 'refused');
  });
});

describe('the target', () => {
  it('of absolute form is taken apart, and its authority counts more than Host', () => {
    const head = accept('', 'GET http://b.test:8443/x?y HTTP/1.1');
    assert.deepEqual([head.target, head.authority], ['/x?y', 'b.test:8443']);
    assert.equal(accept('', 'GET HTTPS://b.test?q HTTP/1.1').target, '/?q');
    assert.equal(accept('', 'GET http://b.test HTTP/1.1').target, '/');
  });

  it('of an OPTIONS request for the whole server stays *, however it was written (RFC 9112 §3.2.4)', () => {
    assert.equal(accept('', 'OPTIONS * HTTP/1.1').target, '*');
    const head = accept('', 'OPTIONS http://b.test:8001 HTTP/1.1');
    assert.deepEqual([head.target, head.authority], ['*', 'b.test:8001']);
    assert.equal(accept('', 'OPTIONS http://b.test/ HTTP/1.1').target, '/');
    assert.equal(accept('', 'OPTIONS http://b.test?q HTTP/1.1').target, '/?q');
  });

  it('is * for OPTIONS only', () => {
    refuse('REQUEST_MALFORMED', '', 'GET * HTTP/1.1');
    refuse('REQUEST_MALFORMED', '', 'OPTIONS ** HTTP/1.1');
  });

  it('of TRACE is refused: its answer would show what the engine tells a server', () => {
    refuse('METHOD_NOT_SUPPORTED', '', 'TRACE / HTTP/1.1');
  });

  it('of authority form belongs to CONNECT, which is not supported', () => {
    refuse('METHOD_NOT_SUPPORTED', '', 'CONNECT b.test:443 HTTP/1.1');
    refuse('METHOD_NOT_SUPPORTED', '', 'CONNECT / HTTP/1.1');
    refuse('REQUEST_MALFORMED', '', 'GET b.test:443 HTTP/1.1');
  });

  it('is refused with a fragment, user information, another scheme, no authority or a relative path', () => {
    for (const target of [
      '/a#b',
      'http://b.test/#f',
      'http://user@b.test/',
      'http://b.test:65536/',
      'http://b.test\\@c.test/',
      'ftp://b.test/',
      'http:///a',
      'http://',
      'http:/a',
      'a/b',
      '?a',
      '\\a',
    ])
      refuse('REQUEST_MALFORMED', '', `GET ${target} HTTP/1.1`);
  });
});

describe('Host', () => {
  it('is a name or an address, with a port or without', () => {
    for (const host of [
      'a.test',
      'A.test:1',
      '127.0.0.1:65535',
      '[::1]',
      '[2001:db8::1]:443',
      'under_score.test',
    ])
      assert.equal(accept('', 'GET / HTTP/1.1', `Host:\t ${host} \r\n`).authority, host);
  });

  it('stands once', () => {
    refuse('REQUEST_MALFORMED', '', 'GET / HTTP/1.1', '');
    refuse('REQUEST_MALFORMED', 'Host: a.test\r\n');
    refuse('REQUEST_MALFORMED', 'hOST: b.test\r\n');
    refuse('REQUEST_MALFORMED', 'Host: b.test\r\n', 'GET http://a.test/ HTTP/1.1');
    refuse('REQUEST_MALFORMED', '', 'GET http://a.test/ HTTP/1.1', '');
  });

  it('may be missing in HTTP/1.0', () => {
    assert.equal(accept('', 'GET / HTTP/1.0', '').authority, '');
    assert.equal(accept('', 'GET http://b.test/ HTTP/1.0', '').authority, 'b.test');
  });

  it('is refused where it could be read as something else', () => {
    for (const host of [
      '',
      'a.test, b.test',
      'a.test b.test',
      'a.test:80:81',
      'a.test:x',
      'a.test:123456',
      'a.test:65536',
      '[::1]:99999',
      'user@a.test',
      'a.test/x',
      'a.test?x',
      'a.test#x',
      '[::1',
      '::1',
      'a\xa0test',
      'http://a.test',
      "a'or'1",
      '%61.test',
    ])
      refuse('REQUEST_MALFORMED', '', 'GET / HTTP/1.1', `Host: ${host}\r\n`);
  });
});

describe('a field line', () => {
  it('goes on exactly as it came, bytes beyond ASCII included', () => {
    const lines = 'X-One:1\r\nx-TWO: \t two\xe9\xff \r\nX-Three:\r\nX-One: again: and again\r\n';
    assert.equal(accept(lines).fieldLines, lines);
  });

  it('whose name differs from one of ours only by an underscore goes no further (R15)', () => {
    const head = accept(
      'Content_Length: 5\r\nTransfer_Encoding: chunked\r\nX_Forwarded-For: 10.0.0.1\r\nX_Own: y\r\n',
    );
    assert.deepEqual([head.fieldLines, head.forwardedFor, head.body], ['X_Own: y\r\n', '', { kind: 'none' }]);
  });

  it('that ends with LF or CR alone is refused', () => {
    for (const fields of [
      'X: y\nZ: q\r\n',
      'X: y\rZ: q\r\n',
      'X: y\r\r\n',
      'X: y\n\r\n',
      'X: \ny\r\n',
      '\nX: y\r\n',
    ])
      refuse('REQUEST_MALFORMED', fields);
  });

  it('that ends with LF alone is refused before the head is complete', () => {
    assert.equal(parse('GET / HTTP/1.1\nHost: a\n\n').kind, 'refused');
    assert.equal(parse('GET / HTTP/1.1\n').kind, 'refused');
    assert.equal(parse('GET / HTTP/1.1\r\nHost: a\n\n').kind, 'refused');
  });

  it('that holds NUL or another control character is refused', () => {
    for (let code = 0; code < 0x20; code++) {
      if (code === 0x09) continue;
      refuse('REQUEST_MALFORMED', `X: a${String.fromCharCode(code)}b\r\n`);
      refuse('REQUEST_MALFORMED', `X${String.fromCharCode(code)}: b\r\n`);
    }
    refuse('REQUEST_MALFORMED', 'X: a\x7fb\r\n');
  });

  it('that is folded is refused', () => {
    refuse('REQUEST_MALFORMED', 'X: a\r\n b\r\n');
    refuse('REQUEST_MALFORMED', 'X: a\r\n\tb: c\r\n');
    refuse('REQUEST_MALFORMED', ' X: a\r\n', 'GET / HTTP/1.1', '');
    refuse('REQUEST_MALFORMED', ' \r\n');
  });

  it('has a name that is a token, directly before the colon', () => {
    for (const line of [
      'X : y',
      'X\t: y',
      ': y',
      ':',
      'no colon',
      'X(y): z',
      '"X": y',
      'X\xe9: y',
      'X,Y: z',
      'X/Y: z',
    ])
      refuse('REQUEST_MALFORMED', `${line}\r\n`);
  });
});

describe('Connection', () => {
  it('says whether the connection is kept', () => {
    assert.equal(accept('').keepAlive, true);
    assert.equal(accept('Connection: x, CLOSE\r\n').keepAlive, false);
    assert.equal(accept('Connection: keep-alive\r\nConnection: close\r\n').keepAlive, false);
    assert.equal(accept('', 'GET / HTTP/1.0').keepAlive, false);
    assert.equal(accept('Connection: Keep-Alive\r\n', 'GET / HTTP/1.0').keepAlive, true);
    assert.equal(accept('Connection: keep-alive, close\r\n', 'GET / HTTP/1.0').keepAlive, false);
  });

  it('takes the fields that it names out, in whatever order they stand', () => {
    const head = accept(
      'x-a: 1\r\nX-Keep: 2\r\nConnection: X-A ,, x-b,\r\nX-B: 3\r\nx-A: 4\r\nconnection: X-C\r\nX-C: 5\r\n',
    );
    assert.deepEqual(fieldPairs(head.fieldLines), ['X-Keep', '2']);
  });

  it('must not name what the server identifies or frames the request by', () => {
    for (const name of [
      'Host',
      'content-length',
      'Transfer-Encoding',
      'Authorization',
      'Cookie',
      'X-Forwarded-For',
    ])
      refuse('REQUEST_MALFORMED', `Connection: close, ${name}\r\n`);
  });

  it('takes the fields of a hop out whether it names them or not', () => {
    const head = accept(
      'Keep-Alive: 5\r\nProxy-Connection: close\r\nTE: gzip\r\nTrailer: X\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nForwarded: for=x\r\n' +
        'X-Forwarded-Proto: http\r\nX-Forwarded-Port: 1\r\nX-Request-Id: 1\r\nExpect: 100-continue\r\n',
    );
    assert.equal(head.fieldLines, '');
  });
});

describe('the wishes of a client', () => {
  it('for another protocol are known for WebSocket, refused for others, and an offer of h2c is left unanswered', () => {
    const webSocket = 'Connection: upgrade\r\nUpgrade: WebSocket\r\n';
    assert.equal(accept(webSocket, 'GET / HTTP/1.1').asksForWebSocket, true);
    assert.equal(accept(webSocket, 'GET / HTTP/1.1').fieldLines, '');
    assert.equal(accept('Connection: upgrade\r\n', 'GET / HTTP/1.1').asksForWebSocket, false);
    refuse('REQUEST_MALFORMED', webSocket, 'POST / HTTP/1.1');
    refuse('REQUEST_MALFORMED', webSocket, 'GET / HTTP/1.0');
    refuse('REQUEST_MALFORMED', `${webSocket}Content-Length: 0\r\n`);
    refuse('UPGRADE_NOT_SUPPORTED', 'Connection: upgrade\r\nUpgrade: TLS/1.0\r\n');
    refuse('UPGRADE_NOT_SUPPORTED', 'Connection: upgrade\r\nUpgrade: websocket, h2c\r\n');
    refuse('UPGRADE_NOT_SUPPORTED', 'Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n');
    assert.equal(
      accept('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n').fieldLines,
      '',
    );
    assert.equal(accept('Upgrade: websocket\r\n').fieldLines, '');
  });

  it('for 100 (Continue) are known where there is a body to come', () => {
    assert.equal(accept('Expect: 100-Continue\r\nContent-Length: 5\r\n').expectContinue, true);
    assert.equal(accept('Expect: 100-continue\r\n').expectContinue, false);
    assert.equal(
      accept('Expect: 100-continue\r\nContent-Length: 5\r\n', 'POST / HTTP/1.0').expectContinue,
      false,
    );
    refuse('EXPECTATION_FAILED', 'Expect: 200-ok\r\n');
    refuse('REQUEST_MALFORMED', 'Expect: 100-continue\r\nExpect: 100-continue\r\n');
  });

  it('for trailers are known from TE', () => {
    assert.equal(accept('TE: deflate;q=0.5, Trailers\r\n').acceptsTrailers, true);
    assert.equal(accept('TE: gzip\r\n').acceptsTrailers, false);
  });

  it('for the X-Forwarded-For of other proxies are joined in their order', () => {
    const head = accept('X-Forwarded-For: 10.0.0.1\r\nx-forwarded-for:10.0.0.2, 10.0.0.3\r\n');
    assert.equal(head.forwardedFor, '10.0.0.1, 10.0.0.2, 10.0.0.3');
  });
});

describe('the size of a head', () => {
  const limits = { headLimitBytes: 200, fieldLineLimitBytes: 100, fieldCountLimit: 3 };

  it('is bounded as a whole, complete or not, to the byte', () => {
    const head = (bytes: number): string => {
      const start = 'GET / HTTP/1.1\r\nHost: a\r\nX: ';
      const first = `${'x'.repeat(80)}\r\nY: `;
      return `${start}${first}${'y'.repeat(bytes - start.length - first.length - 4)}\r\n\r\n`;
    };
    assert.equal(parse(head(200), limits).kind, 'head');
    const over = parse(head(201), limits);
    assert.equal(over.kind === 'refused' && over.error, 'REQUEST_HEAD_TOO_LARGE');
    const endless = parse('G'.repeat(201), limits);
    assert.equal(endless.kind === 'refused' && endless.error, 'REQUEST_HEAD_TOO_LARGE');
    assert.equal(parse('G'.repeat(200), limits).kind, 'incomplete');
  });

  it('is bounded by line and by number of lines', () => {
    const wide = parse(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(98)}\r\n\r\n`, limits);
    assert.equal(wide.kind === 'refused' && wide.error, 'REQUEST_HEAD_TOO_LARGE');
    assert.equal(parse('GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\n\r\n', limits).kind, 'head');
    const many = parse('GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\n\r\n', limits);
    assert.equal(many.kind === 'refused' && many.error, 'REQUEST_HEAD_TOO_LARGE');
  });
});
