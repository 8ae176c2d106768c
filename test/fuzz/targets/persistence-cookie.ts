// Fuzzed: what a client sends as cookies. Only a cookie that was sealed, byte for byte, opens; what goes on has none of the name, and all else.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { takeCookies } from '../../../packages/service-engine/src/http/cookie-field.ts';
import { httpCookie } from '../../../packages/service-engine/src/persistence/http-cookie.ts';
import { CookieKey } from '../../../packages/service-engine/src/session-ticket/cookie-key.ts';
import type { KeyRing } from '../../../packages/service-engine/src/session-ticket/key-ring.ts';
import { type FuzzTarget, inBoundedTime } from '../fuzz-target.ts';

interface Vector {
  readonly ringKey: string;
  readonly virtualServiceUuid: string;
  readonly poolUuid: string;
  readonly serverId: string;
  readonly issuedAtS: number;
  readonly cookie: string;
}

// Cookies under keys that are written down: a finding can be replayed.
const { vectors }: { readonly vectors: readonly Vector[] } = JSON.parse(
  readFileSync(new URL('../../../docs/test-vectors/persistence-cookie.json', import.meta.url), 'utf8'),
);
const [first] = vectors as readonly [Vector, ...Vector[]];
const cookieKeys = vectors.map(
  ({ ringKey, virtualServiceUuid }) =>
    new CookieKey(Buffer.from(ringKey, 'hex'), 'current', virtualServiceUuid),
);
// Only as far as cookies need it.
const ring = { cookieKeys } as unknown as KeyRing;
const sealed = new Map(
  vectors.filter(({ poolUuid }) => poolUuid === first.poolUuid).map((vector) => [vector.cookie, vector]),
);

const NAME = 'P';
const ANY_AGE = 0;

export const persistenceCookieTarget: FuzzTarget = {
  name: 'persistence-cookie',
  seeds: [
    ...vectors.map(({ cookie }) => Buffer.from(`${NAME}=${cookie}`)),
    Buffer.from(`a=1; ${NAME}=${first.cookie}; b="2 3"`),
    Buffer.from(`${NAME}=x;${NAME}=;${NAME}=${first.cookie}`),
    Buffer.from(`p=1; PP=2; ${NAME}; =${NAME}; a=${NAME}=1`),
  ],
  mutations: [],
  check: (input) => {
    // A head holds no control characters but tabs.
    const value = input.toString('latin1').replaceAll(/[\0-\x08\n-\x1f\x7f]/g, ' ');
    const before = 'Accept: */*\r\n';
    const after = `X-${NAME}: ${NAME}=1\r\n`;
    const lines = `${before}Cookie: ${value}\r\n${after}`;
    const taken = inBoundedTime(() => takeCookies(lines, NAME));
    assert.ok(taken.fieldLines.startsWith(before) && taken.fieldLines.endsWith(after), 'other fields stay');
    assert.equal(takeCookies(taken.fieldLines, NAME).values.length, 0, 'none of the name goes on');
    if (taken.values.length === 0) assert.equal(taken.fieldLines, lines);
    const nowS = sealed.get(taken.values[0] ?? '')?.issuedAtS ?? first.issuedAtS;
    const terms = { poolUuid: first.poolUuid, timeoutS: ANY_AGE };
    const result = inBoundedTime(() => httpCookie.decide(taken.values, terms, ring, nowS));
    if (result.kind === 'opened') {
      const genuine = taken.values.map((shown) => sealed.get(shown)).find((vector) => vector !== undefined);
      assert.ok(genuine !== undefined, 'what opens was sealed');
      assert.equal(result.mapping.serverId, Number.parseInt(genuine.serverId, 16));
    }
    return `${Math.min(taken.values.length, 5)} ${result.kind === 'not-opened' ? result.reason : result.kind}`;
  },
};
