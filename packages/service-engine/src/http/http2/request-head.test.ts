// The promises of the gate from HTTP/2 to HTTP/1.1: nothing of a stream's head can become a line, a target or a length of its own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RequestHead } from '../message.ts';
import { requestHeadOf, type StreamHead } from './request-head.ts';

const LIMITS = { headLimitBytes: 4096, fieldLineLimitBytes: 1024, fieldCountLimit: 20 };
const PSEUDO = { ':method': 'POST', ':scheme': 'https', ':authority': 'a.test', ':path': '/p?q' };

function read(pseudo: Record<string, string>, fields: readonly string[], endOfStream = false): StreamHead {
  return requestHeadOf([...Object.entries(pseudo).flat(), ...fields], endOfStream, LIMITS, () => 'the key');
}

function accept(pseudo: Record<string, string>, fields: readonly string[], endOfStream = false): RequestHead {
  const parsed = read(pseudo, fields, endOfStream);
  assert.ok(parsed.kind === 'head', parsed.kind === 'refused' ? parsed.detail : '');
  return parsed.head;
}

function refuse(pseudo: Record<string, string>, fields: readonly string[] = [], endOfStream = false): void {
  assert.equal(read(pseudo, fields, endOfStream).kind, 'refused', JSON.stringify([pseudo, fields]));
}

describe('an extended CONNECT (RFC 8441)', () => {
  const WEBSOCKET = { ...PSEUDO, ':method': 'CONNECT', ':protocol': 'websocket' };

  it('becomes a GET that asks a server of HTTP/1.1 for WebSocket, with a key of the engine', () => {
    const head = accept(WEBSOCKET, ['sec-websocket-version', '13', 'sec-websocket-key', 'the client’s']);
    assert.equal(head.method, 'GET');
    assert.equal(head.asksForWebSocket, true);
    assert.deepEqual(head.body, { kind: 'none' });
    assert.equal(head.fieldLines, 'sec-websocket-version: 13\r\nSec-WebSocket-Key: the key\r\n');
  });

  it('is refused for another protocol, as another method, with a body or without an open stream', () => {
    refuse({ ...WEBSOCKET, ':protocol': 'connect-udp' });
    refuse({ ...WEBSOCKET, ':method': 'GET' });
    refuse(WEBSOCKET, ['content-length', '5']);
    refuse(WEBSOCKET, [], true);
  });
});

describe('the head of a stream', () => {
  it('is read into method, target, authority and end-to-end fields', () => {
    const head = accept(PSEUDO, [
      'accept',
      '*/*',
      'te',
      'trailers',
      'x-forwarded-for',
      '10.0.0.1',
      'x-a',
      'b\xe9',
    ]);
    assert.deepEqual(
      { ...head },
      {
        version: '2',
        method: 'POST',
        target: '/p?q',
        authority: 'a.test',
        fieldLines: 'accept: */*\r\nx-a: b\xe9\r\n',
        forwardedFor: '10.0.0.1',
        forwarded: '',
        body: { kind: 'stream' },
        keepAlive: true,
        expectContinue: false,
        acceptsTrailers: true,
        asksForWebSocket: false,
      },
    );
  });

  it('has a body as its end of stream and its content-length say', () => {
    assert.deepEqual(accept(PSEUDO, [], true).body, { kind: 'none' });
    assert.deepEqual(accept(PSEUDO, ['content-length', '5']).body, { kind: 'length', bytes: 5 });
    assert.deepEqual(accept(PSEUDO, ['content-length', '0'], true).body, { kind: 'length', bytes: 0 });
  });

  it('that ends at once is refused with a content-length: the server would wait for the next request to fill it', () => {
    refuse(PSEUDO, ['content-length', '5'], true);
  });

  it('puts the crumbs of a cookie together', () => {
    assert.equal(
      accept(PSEUDO, ['cookie', 'a=1', 'x', 'y', 'cookie', 'b=2']).fieldLines,
      'x: y\r\ncookie: a=1; b=2\r\n',
    );
  });

  it('takes Host where there is no :authority, and only the same Host where there is one', () => {
    const { ':authority': _, ...bare } = PSEUDO;
    assert.equal(accept(bare, ['host', 'b.test']).authority, 'b.test');
    assert.equal(accept(PSEUDO, ['host', 'A.test']).authority, 'a.test');
    refuse(PSEUDO, ['host', 'b.test']);
    refuse(PSEUDO, ['host', 'a.test', 'host', 'a.test']);
    refuse({ ...PSEUDO, ':authority': '' }, ['host', 'b.test']);
    refuse(bare);
    for (const authority of ['user@a.test', 'a.test/x', 'a.test b', 'a.test\r\nX: y'])
      refuse({ ...PSEUDO, ':authority': authority });
  });
});

describe('smuggling by downgrade is refused (R15)', () => {
  it('through a line break in any name or value, pseudo-fields included', () => {
    for (const lineBreak of ['\r\n', '\n', '\r', '\0']) {
      refuse(PSEUDO, ['x', `a${lineBreak}content-length: 5`]);
      refuse(PSEUDO, [`x${lineBreak}y`, 'a']);
      refuse(PSEUDO, ['cookie', `a${lineBreak}b`]);
      for (const name of Object.keys(PSEUDO))
        refuse({ ...PSEUDO, [name]: `${PSEUDO[':path']}${lineBreak}x: y` });
    }
  });

  it('through a method or a path with more in it', () => {
    for (const method of ['', 'GET / HTTP/1.1', 'GET /admin', 'G T', 'GET\t'])
      refuse({ ...PSEUDO, ':method': method });
    for (const path of ['', '/ HTTP/1.1', '/a b', '/a\tb', '/#f', 'a', '/\x80', '*'])
      refuse({ ...PSEUDO, ':path': path });
    assert.equal(accept({ ...PSEUDO, ':method': 'OPTIONS', ':path': '*' }, [], true).target, '*');
  });

  it('through a path that brings an authority of its own', () => {
    refuse({ ...PSEUDO, ':path': 'http://b.test/' });
    refuse({ ...PSEUDO, ':path': 'https://b.test' });
  });

  it('through a field that frames or belongs to a connection', () => {
    for (const [name, value] of [
      ['transfer-encoding', 'chunked'],
      ['transfer-encoding', 'identity'],
      ['connection', 'x-a'],
      ['keep-alive', '5'],
      ['proxy-connection', 'close'],
      ['upgrade', 'h2c'],
    ] as const)
      refuse(PSEUDO, [name, value]);
    refuse(PSEUDO, ['content-length', '5', 'content-length', '5']);
    refuse(PSEUDO, ['content-length', '+5']);
    refuse(PSEUDO, ['content-length', '5, 5']);
  });

  it('through a name that is no lower-case token', () => {
    for (const name of [
      'X-Upper',
      'x ',
      ' x',
      'x:',
      ':protocol',
      ':status',
      'x y',
      '',
      'x\xe9',
      'x: y',
      'host:',
    ])
      refuse(PSEUDO, [name, 'v']);
  });

  it('through a control character or a size that HTTP/1.1 has to refuse', () => {
    refuse(PSEUDO, ['x', 'a\x0bb']);
    refuse(PSEUDO, ['x', 'a\x7fb']);
    const wide = read(PSEUDO, ['x', 'a'.repeat(1100)]);
    assert.equal(wide.kind === 'refused' && wide.error, 'REQUEST_HEAD_TOO_LARGE');
    for (const method of ['CONNECT', 'TRACE']) {
      const { kind, ...answer } = read({ ...PSEUDO, ':method': method }, []);
      assert.deepEqual([kind, 'error' in answer && answer.error], ['refused', 'METHOD_NOT_SUPPORTED']);
    }
    refuse({ ...PSEUDO, ':authority': 'a.test:65536' });
  });

  it('through another scheme', () => {
    refuse({ ...PSEUDO, ':scheme': 'https://b.test/x?' });
    refuse({ ...PSEUDO, ':scheme': 'ftp' });
  });
});
