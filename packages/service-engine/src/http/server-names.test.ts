import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServerNaming, ServerTlsSnapshot } from '@limpet/model';
import { serverNamesFor } from './server-names.ts';

const NONE: ServerNaming = { kind: 'none' };
const HOST: ServerNaming = { kind: 'request-host' };
const names = (...list: string[]): ServerNaming => ({ kind: 'names', names: list });

function tls(serverName: ServerNaming, verifiedNames: ServerNaming = NONE): ServerTlsSnapshot {
  return { client: {} as ServerTlsSnapshot['client'], serverName, verifiedNames };
}

describe('the names of a connection to a server', () => {
  it('are none in the clear, whatever host is asked for', () => {
    assert.deepEqual(serverNamesFor(undefined, 'a.test'), {
      key: '',
      serverName: undefined,
      verifiedNames: [],
    });
  });

  it('are those of the pool, one key for all hosts, where it gives them', () => {
    const pool = tls(names('web.internal'), names('a.internal', 'b.internal'));
    const [one, other] = [serverNamesFor(pool, 'a.test:8443'), serverNamesFor(pool, 'b.test')];
    assert.deepEqual(one, {
      key: '',
      serverName: 'web.internal',
      verifiedNames: ['a.internal', 'b.internal'],
    });
    assert.deepEqual(other, one);
  });

  it('are that of the host of the request where the pool gives none: connections of other hosts carry none of its requests', () => {
    for (const pool of [tls(HOST, HOST), tls(HOST), tls(names('web.internal'), HOST)]) {
      const [one, other] = [serverNamesFor(pool, 'A.test.:8443'), serverNamesFor(pool, 'b.test')];
      assert.equal(one.key, 'a.test');
      assert.notEqual(one.key, other.key);
    }
    assert.deepEqual(serverNamesFor(tls(HOST, HOST), 'A.test.:8443'), {
      key: 'a.test',
      serverName: 'a.test',
      verifiedNames: ['a.test'],
    });
  });

  it('never ask for an address by SNI (RFC 6066 §3), and verify it all the same', () => {
    for (const [authority, host] of [
      ['127.0.0.1:8443', '127.0.0.1'],
      ['[2001:db8::1]:8443', '2001:db8::1'],
      ['[::1]', '::1'],
    ] as const)
      assert.deepEqual(serverNamesFor(tls(HOST, HOST), authority), {
        key: host,
        serverName: undefined,
        verifiedNames: [host],
      });
  });

  it('hold no name that OpenSSL or a resolver would not take; what is verified then matches no certificate', () => {
    for (const host of ['', '-..-', 'a..test', `${'a'.repeat(250)}.test.test`])
      assert.equal(serverNamesFor(tls(HOST, HOST), host).serverName, undefined, host);
    // The empty name is one that no certificate is for: not the same as no name to verify.
    assert.deepEqual(serverNamesFor(tls(HOST, HOST), '').verifiedNames, ['']);
  });
});
