// The promises of the response parser (RFC 9112 §4 and §6.3), and of the heads that are written from what it read.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ResponseHead } from '../message.ts';
import { parseResponseHead } from './response-head.ts';
import { informationalHeadText, responseHeadText } from './serialize.ts';
import { testHeadLimits } from './test-message.ts';

function parse(text: string, method = 'GET') {
  const bytes = Buffer.from(text, 'latin1');
  return parseResponseHead(bytes, 0, bytes.length, testHeadLimits, method);
}

function accept(fields: string, line = 'HTTP/1.1 200 OK', method = 'GET'): ResponseHead {
  const parsed = parse(`${line}\r\n${fields}\r\n`, method);
  assert.ok(
    parsed.kind === 'head',
    parsed.kind === 'refused' ? `refused ${JSON.stringify(fields || line)}: ${parsed.detail}` : parsed.kind,
  );
  return parsed.head;
}

function refuse(fields: string, line = 'HTTP/1.1 200 OK', method = 'GET'): void {
  assert.equal(parse(`${line}\r\n${fields}\r\n`, method).kind, 'refused', JSON.stringify(fields || line));
}

describe('the status line', () => {
  it('is read into version, status and reason, which may be missing', () => {
    const head = accept('', 'HTTP/1.0 404 Not \tF\xf6und ');
    assert.deepEqual([head.version, head.status, head.reason], ['1.0', 404, 'Not \tF\xf6und ']);
    assert.equal(accept('', 'HTTP/1.1 204 ').reason, '');
    assert.equal(accept('', 'HTTP/1.1 204').reason, '');
  });

  it('is refused with another version, status or spacing', () => {
    for (const line of [
      'HTTP/1.1',
      'HTTP/1.1 ',
      'HTTP/1.1 20 OK',
      'HTTP/1.1 2000 OK',
      'HTTP/1.1 099 X',
      'HTTP/1.1 000',
      'HTTP/1.1 +20 OK',
      'HTTP/1.1 2x0 OK',
      'HTTP/1.1  200 OK',
      'HTTP/1.1\t200 OK',
      ' HTTP/1.1 200 OK',
      '\r\nHTTP/1.1 200 OK',
      'http/1.1 200 OK',
      'HTTP/2.0 200 OK',
      'HTTP/1.2 200 OK',
      'HTTP/1.1 200OK',
      'HTTP/1.1 200 O\0K',
      'HTTP/1.1 200 O\x7fK',
      'ICY 200 OK',
    ])
      refuse('', line);
  });

  it('is refused with a status that HTTP does not have (RFC 9110 §15), which HTTP/2 could not say', () => {
    assert.equal(accept('', 'HTTP/1.1 599 X').status, 599);
    for (const status of [600, 666, 999]) refuse('', `HTTP/1.1 ${status} X`);
  });

  it('is refused with 101: nobody asked for another protocol', () => {
    refuse('Connection: upgrade\r\nUpgrade: websocket\r\n', 'HTTP/1.1 101 Switching Protocols');
  });
});

describe('the body of a response', () => {
  it('is as long as Content-Length says, is chunked, or lasts until the connection closes', () => {
    assert.deepEqual(accept('Content-Length: 7\r\n').body, { kind: 'length', bytes: 7 });
    assert.deepEqual(accept('Transfer-Encoding: Chunked\r\n').body, { kind: 'chunked' });
    assert.deepEqual(accept('').body, { kind: 'until-close' });
    assert.deepEqual(accept('', 'HTTP/1.0 200 OK').body, { kind: 'until-close' });
  });

  it('is not there after 1xx, 204 and 304 and in answer to HEAD, whatever the fields say', () => {
    for (const fields of ['', 'Content-Length: 7\r\n', 'Transfer-Encoding: chunked\r\n']) {
      for (const status of [100, 103, 199, 204, 304])
        assert.deepEqual(accept(fields, `HTTP/1.1 ${status} X`).body, { kind: 'none' });
      assert.deepEqual(accept(fields, 'HTTP/1.1 200 OK', 'HEAD').body, { kind: 'none' });
    }
    assert.deepEqual(accept('Content-Length: 7\r\n', 'HTTP/1.1 200 OK', 'head').body, {
      kind: 'length',
      bytes: 7,
    });
  });

  it('that was declared is told on for HEAD and 304 only', () => {
    const declared = 'Content-Length: 7\r\n';
    assert.equal(accept(declared, 'HTTP/1.1 200 OK', 'HEAD').declaredLength, 7);
    assert.equal(accept(declared, 'HTTP/1.1 304 Not Modified').declaredLength, 7);
    assert.equal(accept(declared, 'HTTP/1.1 204 No Content').declaredLength, undefined);
    assert.equal(accept(declared).declaredLength, undefined);
  });

  it('is empty after 205, which is refused with a length that is not 0 (RFC 9110 §15.3.6)', () => {
    const line = 'HTTP/1.1 205 Reset Content';
    const empty = { kind: 'length', bytes: 0 };
    const kept = accept('Content-Length: 0\r\n', line);
    assert.deepEqual([kept.body, kept.keepAlive], [empty, true]);
    refuse('Content-Length: 7\r\n', line);
    // What follows is for nobody, least of all an answer to the next request.
    for (const fields of ['', 'Transfer-Encoding: chunked\r\n']) {
      const { body, keepAlive } = accept(fields, line);
      assert.deepEqual([body, keepAlive], [empty, false], fields);
    }
    assert.deepEqual(accept('', line, 'HEAD').body, { kind: 'none' });
    assert.equal(accept('', line, 'HEAD').keepAlive, true);
  });

  it('is refused where its end could be read in two ways', () => {
    for (const fields of [
      'Content-Length: 7\r\nContent-Length: 7\r\n',
      'Content-Length: 7, 7\r\n',
      'Content-Length: -7\r\n',
      'Content-Length: +7\r\n',
      'Content-Length: \r\n',
      'Content-Length: 9007199254740992\r\n',
      'Content-Length: 7\r\nTransfer-Encoding: chunked\r\n',
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
      'Transfer-Encoding: gzip, chunked\r\n',
      'Transfer-Encoding: chunked, identity\r\n',
      'Transfer-Encoding: identity\r\n',
      'Transfer-Encoding: xchunked\r\n',
      'Transfer-Encoding: \r\n',
    ])
      refuse(fields);
    refuse('Transfer-Encoding: chunked\r\n', 'HTTP/1.0 200 OK');
    refuse('Content-Length: x\r\n', 'HTTP/1.1 200 OK', 'HEAD');
  });
});

describe('the fields of a response', () => {
  it('go on as they came, without those of the hop', () => {
    const lines = 'Set-Cookie: a=1\r\nset-cookie:b=2; x=\xe9\r\nX-Empty:\r\n';
    const hop =
      'Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nUpgrade: h2\r\nX-Request-Id: 9\r\n';
    assert.equal(accept(`${hop}${lines}`).fieldLines, lines);
  });

  it('are refused with a bare LF or CR, a control character, a fold or space before the colon', () => {
    for (const fields of [
      'A: 1\nB: 2\r\n',
      'A: 1\rB: 2\r\n',
      'A: \0\r\n',
      'A: 1\r\n b\r\n',
      'A : 1\r\n',
      ': 1\r\n',
      'A\r\n',
    ])
      refuse(fields);
  });

  it('are bounded', () => {
    refuse(`A: ${'x'.repeat(testHeadLimits.fieldLineLimitBytes)}\r\n`);
    refuse('A:\r\n'.repeat(testHeadLimits.fieldCountLimit + 1));
    assert.equal(parse('x'.repeat(testHeadLimits.headLimitBytes + 1)).kind, 'refused');
    assert.equal(parse('HTTP/1.1 200 OK\r\nA: 1\r\n').kind, 'incomplete');
  });
});

describe('the connection of a response', () => {
  it('is kept by default in HTTP/1.1 and on request in HTTP/1.0', () => {
    assert.equal(accept('').keepAlive, true);
    assert.equal(accept('Connection: Close\r\n').keepAlive, false);
    assert.equal(accept('Connection: keep-alive\r\nConnection: x, close\r\n').keepAlive, false);
    assert.equal(accept('', 'HTTP/1.0 200 OK').keepAlive, false);
    assert.equal(accept('Connection: keep-alive\r\n', 'HTTP/1.0 200 OK').keepAlive, true);
  });
});

describe('writing a response head', () => {
  const kept = { keepAlive: true, version: '1.1' } as const;

  it('says its own version, one framing and what happens to the connection', () => {
    const head = accept('A: 1\r\nContent-Length: 3\r\nConnection: close\r\n', 'HTTP/1.0 200 Fine');
    assert.equal(
      responseHeadText(head, kept, 'B: 2\r\n'),
      'HTTP/1.1 200 Fine\r\nA: 1\r\nB: 2\r\nContent-Length: 3\r\n\r\n',
    );
    assert.match(
      responseHeadText(head, { keepAlive: false, version: '1.1' }, ''),
      /\r\nConnection: close\r\n\r\n$/,
    );
    assert.match(
      responseHeadText(head, { keepAlive: true, version: '1.0' }, ''),
      /\r\nConnection: keep-alive\r\n\r\n$/,
    );
  });

  it('passes on the length that a HEAD response declares, and no length with 204 or 1xx', () => {
    const declared = 'Content-Length: 3\r\n';
    const head = accept(declared, 'HTTP/1.1 200', 'HEAD');
    assert.equal(responseHeadText(head, kept, ''), 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n');
    assert.equal(
      responseHeadText(accept(declared, 'HTTP/1.1 204'), kept, ''),
      'HTTP/1.1 204 No Content\r\n\r\n',
    );
    const hints = accept(`Link: </a>\r\n${declared}`, 'HTTP/1.1 103 Early Hints');
    assert.equal(informationalHeadText(hints), 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
  });
});
