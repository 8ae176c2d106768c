// The sealed cookie is held to the conformance suite of methods, and to docs/test-vectors/persistence-cookie.json, computed a second time from bare primitives.

import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createRingKeys, rotateRingKeys } from '@limpet/model';
import fc from 'fast-check';
import { CookieKey } from '../session-ticket/cookie-key.ts';
import { createKeyRing, type KeyRing } from '../session-ticket/key-ring.ts';
import { cryptoRandom } from '../session-ticket/test-ring.ts';
import { COOKIE_BYTES, COOKIES_TRIED_MAX, httpCookie, sealCookie } from './http-cookie.ts';
import { describeMethod, METHOD_LIFETIME_S } from './method.conformance.ts';

const POOL = 'pool-1';
const terms = { poolUuid: POOL, timeoutS: METHOD_LIFETIME_S };

describeMethod('an HTTP cookie', {
  seal: (mapping, ring, keyIndex) =>
    Buffer.from(sealCookie(mapping, POOL, ring.cookieKeys[keyIndex] as CookieKey, cryptoRandom), 'latin1'),
  decide: (shown, ring, nowS) =>
    httpCookie.decide(
      shown.map((bytes) => bytes.toString('latin1')),
      terms,
      ring,
      nowS,
    ),
  triedMax: COOKIES_TRIED_MAX,
});

describe('the persistence cookie', () => {
  const nowS = 1_800_000_000;
  const ringKeys = createRingKeys(cryptoRandom, nowS);
  const ring = createKeyRing(ringKeys, 'virtualservice-1');
  const mapping = { serverId: 0xabcdef012345, issuedAtS: nowS, affinityKey: 0x1234 };
  const seal = (key = ring.currentCookieKey) => sealCookie(mapping, POOL, key, cryptoRandom);
  const reasonOf = (value: string, changes: Partial<typeof terms> = {}, at = nowS) => {
    const result = httpCookie.decide([value], { ...terms, ...changes }, ring, at);
    return result.kind === 'not-opened' ? result.reason : result.kind;
  };

  it('says why it was not opened', () => {
    const good = seal();
    assert.equal(reasonOf(good), 'opened');
    assert.equal(reasonOf(''), 'malformed');
    assert.equal(reasonOf(`${good}A`), 'malformed');
    assert.equal(reasonOf(`"${good.slice(2)}"`), 'malformed');
    assert.equal(reasonOf(`Z${good.slice(1)}`), 'wrong_version');
    const bytes = Buffer.from(good, 'base64url');
    bytes[COOKIE_BYTES - 1] = (bytes[COOKIE_BYTES - 1] as number) ^ 1;
    assert.equal(reasonOf(bytes.toString('base64url')), 'not_genuine');
    const hints = new Set(ring.cookieKeys.map(({ hint }) => hint));
    bytes[1] = Array.from({ length: 256 }, (_, hint) => hint).find((hint) => !hints.has(hint)) as number;
    assert.equal(reasonOf(bytes.toString('base64url')), 'unknown_key');
    assert.equal(reasonOf(good, {}, nowS + METHOD_LIFETIME_S), 'expired');
  });

  it('is none of another pool of the virtual service', () => {
    assert.equal(reasonOf(seal(), { poolUuid: 'pool-2' }), 'not_genuine');
  });

  it('does not expire where there is no timeout, but for its key', () => {
    const value = seal();
    assert.equal(reasonOf(value, { timeoutS: 0 }, nowS + 10 * 365 * 86_400), 'opened');
    let keys = ringKeys;
    for (let turn = 1; turn < 20; turn++)
      keys = rotateRingKeys(keys, cryptoRandom, nowS + turn * 86_400, true);
    const later = createKeyRing(keys, 'virtualservice-1');
    assert.equal(httpCookie.decide([value], { ...terms, timeoutS: 0 }, later, nowS).kind, 'not-opened');
  });

  it('has no second spelling: not in the other base64 alphabet, not with padding, not with spaces', () => {
    let respelt = 0;
    for (let turn = 0; turn < 50; turn++) {
      const value = seal();
      for (const other of [
        value.replaceAll('-', '+').replaceAll('_', '/'),
        `${value}=`,
        `${value} `,
        ` ${value}`,
        value.toLowerCase(),
      ]) {
        if (other === value) continue;
        respelt++;
        assert.notEqual(reasonOf(other), 'opened', other);
      }
    }
    assert.ok(respelt > 100);
  });

  it('shows neither server nor time nor affinity: no byte behind version and key hint stays', () => {
    const samples = Array.from({ length: 200 }, () => Buffer.from(seal(), 'base64url'));
    for (let index = 2; index < COOKIE_BYTES; index++)
      assert.ok(new Set(samples.map((bytes) => bytes[index])).size > 50, `byte ${index}`);
  });

  it('is opened whatever stands around it, and never throws at what no engine has made', () => {
    const value = seal();
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 100 }), { maxLength: 3 }), (others) => {
        assert.equal(httpCookie.decide([...others, value], terms, ring, nowS).kind, 'opened');
        httpCookie.decide(others, terms, ring, nowS);
      }),
    );
  });

  it('has a key of its own: that of another virtual service, and the ticket key, are others', () => {
    const mine = ring.cookieKeys.map(({ hint }) => hint);
    const other = createKeyRing(ringKeys, 'virtualservice-2').cookieKeys.map(({ hint }) => hint);
    assert.notDeepEqual(mine, other);
  });
});

interface Vector {
  readonly name: string;
  readonly ringKey: string;
  readonly virtualServiceUuid: string;
  readonly poolUuid: string;
  readonly serverId: string;
  readonly issuedAtS: number;
  readonly affinityKey: number;
  readonly nonce: string;
  readonly cookieKey: string;
  readonly hint: string;
  readonly cookie: string;
}

const vectorsUrl = new URL('../../../../docs/test-vectors/persistence-cookie.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(vectorsUrl, 'utf8')) as { readonly vectors: readonly Vector[] };

describe('the published vectors of the persistence cookie', () => {
  it('cover no server and every field at its largest', () => {
    assert.ok(vectors.some(({ serverId }) => serverId === '000000000000'));
    assert.ok(
      vectors.some(({ serverId, affinityKey }) => serverId === 'f'.repeat(12) && affinityKey === 65_535),
    );
  });

  for (const vector of vectors) {
    const { virtualServiceUuid, poolUuid, issuedAtS, affinityKey } = vector;
    const hex = (text: string): Buffer => Buffer.from(text, 'hex');
    const mapping = { serverId: Number.parseInt(vector.serverId, 16), issuedAtS, affinityKey };

    it(`are what the engine seals and opens: ${vector.name}`, () => {
      const key = new CookieKey(hex(vector.ringKey), 'current', virtualServiceUuid);
      const fixed = { bytes: () => hex(vector.nonce), fraction: () => 0 };
      assert.equal(sealCookie(mapping, poolUuid, key, fixed), vector.cookie);
      const ring = { cookieKeys: [key] } as unknown as KeyRing;
      const result = httpCookie.decide([vector.cookie], { poolUuid, timeoutS: 3600 }, ring, issuedAtS);
      assert.deepEqual(result.kind === 'opened' && result.mapping, mapping);
    });

    it(`are what HKDF and AES-256-GCM give: ${vector.name}`, () => {
      const info = `limpet-cookie|1|${virtualServiceUuid}`;
      const derived = Buffer.from(hkdfSync('sha256', hex(vector.ringKey), 'limpet http cookie', info, 33));
      assert.equal(derived.subarray(0, 32).toString('hex'), vector.cookieKey);
      assert.equal(derived.subarray(32).toString('hex'), vector.hint);
      const plaintext = Buffer.alloc(12);
      hex(vector.serverId).copy(plaintext);
      plaintext.writeUInt32BE(issuedAtS, 6);
      plaintext.writeUInt16BE(affinityKey, 10);
      const header = Buffer.concat([Buffer.from([0x10]), hex(vector.hint)]);
      const cipher = createCipheriv('aes-256-gcm', hex(vector.cookieKey), hex(vector.nonce));
      cipher.setAAD(Buffer.concat([header, Buffer.from(poolUuid)]));
      const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      const whole = Buffer.concat([header, hex(vector.nonce), sealed]);
      assert.equal(whole.toString('base64url'), vector.cookie);
    });
  }
});
