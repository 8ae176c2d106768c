// Known vectors of request smuggling: each is refused, or goes on as exactly the requests that a real server reads from it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Judge } from './test-judge.ts';
import { fieldPairs, forwardedBytes, readMessages, type TestMessage } from './test-message.ts';

interface Vector {
  readonly name: string;
  /** What it exploits elsewhere. */
  readonly attack: string;
  /** Where it is known from. */
  readonly known: string;
  /** latin1. */
  readonly bytes: string;
  /** Method, target and body of every request that goes on. */
  readonly forwarded: readonly (readonly [string, string, string])[];
  /** `complete`, `incomplete` (waits for more), or the error code of the refusal. */
  readonly end: string;
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('corpus/request-smuggling.json', import.meta.url), 'utf8'),
);

// What decides where a request goes, where it ends and who sent it: the proxy's own to say.
const OURS = /^(content-length|transfer-encoding|connection|upgrade|x-forwarded-.*)$/;

describe('the corpus of request smuggling', () => {
  let judge: Judge;
  before(async () => {
    judge = await Judge.start();
  });
  after(() => judge.stop());

  it('has names that are used once, and says where each is known from', () => {
    assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length);
    for (const { name, known, attack } of vectors) assert.ok(known !== '' && attack !== '', name);
  });

  for (const vector of vectors) {
    const verb = vector.forwarded.length > 0 ? 'goes on as it is read' : `ends as ${vector.end}`;
    it(`${vector.name}: ${verb} (${vector.attack})`, async () => {
      const bytes = Buffer.from(vector.bytes, 'latin1');
      const whole = readMessages([bytes]);
      assert.equal(whole.end, vector.end, whole.detail);
      assert.deepEqual(whole.messages.map(summary), vector.forwarded);
      const byByte = readMessages([...bytes].map((byte) => Buffer.of(byte)));
      assert.deepEqual([byByte.messages, byByte.end], [whole.messages, whole.end]);
      for (const message of whole.messages) await assertReadAsOne(judge, message);
    });
  }
});

async function assertReadAsOne(judge: Judge, message: TestMessage): Promise<void> {
  const { requests, error } = await judge.read(forwardedBytes(message));
  assert.equal(error, undefined);
  assert.equal(requests.length, 1);
  const [request] = requests as [(typeof requests)[0]];
  assert.deepEqual([request.method, request.target, request.body.toString('latin1')], summary(message));
  const names = request.fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const ours = names.map((name) => name.replace(/[^a-z0-9]/g, '-')).filter((name) => OURS.test(name));
  const framing = { none: [], length: ['content-length'], chunked: ['transfer-encoding'] } as Record<
    string,
    string[]
  >;
  const upgrade = message.head.asksForWebSocket ? ['upgrade', 'connection'] : [];
  assert.deepEqual(ours, [...upgrade, ...(framing[message.head.body.kind] ?? [])]);
  assert.deepEqual(request.trailers, fieldPairs(message.trailerLines));
}

function summary({ head, body }: TestMessage): [string, string, string] {
  return [head.method, head.target, body.toString('latin1')];
}
