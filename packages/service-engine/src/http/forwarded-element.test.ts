import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forwardedElement, isForwarded } from './forwarded-element.ts';
import type { RequestHead } from './message.ts';
import type { ProxiedConnection } from './proxied-connection.ts';

function element(ip: string, authority: string, secure: boolean): string {
  return forwardedElement(
    { authority } as RequestHead,
    { client: { ip, port: 1 }, secure } as ProxiedConnection,
  );
}

describe('the element that the engine adds to Forwarded', () => {
  it('says who asks, for which host, over what', () => {
    assert.equal(element('192.0.2.7', 'a.test', true), 'for=192.0.2.7;host=a.test;proto=https');
  });

  it('quotes what is no token: an IPv6 address in brackets, a host with a port', () => {
    const text = element('2001:db8::7', 'a.test:8443', true);
    assert.equal(text, 'for="[2001:db8::7]";host="a.test:8443";proto=https');
    assert.equal(element('::1', '[::1]:80', false), 'for="[::1]";host="[::1]:80";proto=http');
    assert.ok(isForwarded(text));
  });

  it('has no host where the client named none', () => {
    assert.equal(element('192.0.2.7', '', false), 'for=192.0.2.7;proto=http');
  });
});

describe('a Forwarded field of a client', () => {
  for (const text of [
    'for=192.0.2.1',
    'For="[2001:db8::1]:4711";proto=http;by=203.0.113.43',
    'for=192.0.2.1, for=198.51.100.1',
    'for=_hidden;host="a \\" b"',
  ]) {
    it(`may go before the engine's own: ${text}`, () => assert.ok(isForwarded(text)));
  }

  for (const text of [
    '',
    'for',
    'for=',
    'for=[::1]',
    'for="192.0.2.1',
    'for=192.0.2.1, ',
    'for=192.0.2.1;',
    'for=a b',
    'for="a"b',
    'for="a\\',
    '192.0.2.1',
  ]) {
    it(`goes no further: ${text}`, () => assert.ok(!isForwarded(text)));
  }

  it('is judged in time that grows with its length', () => {
    const startMs = performance.now();
    isForwarded(`${'a=b;'.repeat(10_000)}=`);
    isForwarded(`a="${'\\"'.repeat(20_000)}`);
    isForwarded(`a=b${' ,'.repeat(20_000)}`);
    assert.ok(performance.now() - startMs < 1000);
  });
});
