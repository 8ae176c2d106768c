import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UpstreamExchange } from './exchange.ts';
import { RequestBody } from './request-body.ts';

/** A server of HTTP/2, and what it was sent. */
function makeUpstream() {
  let sent = Buffer.alloc(0);
  const upstream: UpstreamExchange = {
    reused: false,
    canBeRefused: true,
    sendBody(chunk) {
      sent = Buffer.concat([sent, chunk]);
    },
    sendEnd() {},
    flush: () => true,
    pauseResponse() {},
    resumeResponse() {},
    abort() {},
  };
  return { upstream, sent: () => sent };
}

function makeKept(): RequestBody {
  const body = new RequestBody({ kind: 'stream' });
  body.start(true);
  return body;
}

describe('a body that is kept', () => {
  it('goes once more to the next server, with what still came in between', () => {
    const [first, next] = [makeUpstream(), makeUpstream()];
    const body = makeKept();
    assert.ok(body.send(Buffer.from('one '), first.upstream));
    assert.ok(body.send(Buffer.from('two '), undefined));
    body.sendAgain(next.upstream);
    assert.ok(body.send(Buffer.from('three'), next.upstream));
    assert.deepEqual([String(first.sent()), String(next.sent())], ['one ', 'one two three']);
  });

  it('goes on without being kept beyond 64 kB, while a server takes it', () => {
    const { upstream, sent } = makeUpstream();
    const body = makeKept();
    assert.ok(body.send(Buffer.alloc(65_536), upstream));
    assert.ok(body.isWhole);
    assert.ok(body.send(Buffer.alloc(1), upstream));
    assert.ok(!body.isWhole);
    assert.equal(sent().length, 65_537);
  });

  it('between two servers takes one read of 64 kB more, and not a byte beyond it, however it comes', () => {
    for (const size of [1024, 16_384, 65_536]) {
      const body = makeKept();
      body.send(Buffer.alloc(65_536), makeUpstream().upstream);
      for (let bytes = 0; bytes < 65_536; bytes += size) assert.ok(body.send(Buffer.alloc(size), undefined));
      assert.ok(body.isWhole);
      const { upstream, sent } = makeUpstream();
      assert.ok(!body.send(Buffer.alloc(1), undefined));
      assert.ok(!body.isWhole);
      assert.ok(!body.send(Buffer.alloc(1), undefined), 'nor later');
      body.sendAgain(upstream);
      assert.equal(sent().length, 0, 'nothing of it is held any more');
    }
  });
});
