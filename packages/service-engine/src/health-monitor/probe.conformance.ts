// What every probe promises, as tests that each kind runs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Address } from '@limpet/model';
import { createFakeClock, type FakeClock } from '../lifecycle/fake-clock.ts';
import { MATCH_BYTES, type ProbeResult } from './probe.ts';
import {
  type ProbeTarget,
  resetConnection,
  startTarget as startPlainTarget,
  type TargetCertificate,
  writeApart,
} from './probe-target.ts';

/** Sends a request (any), and takes an answer that holds the keyword; after 2000 ms it gives up. */
export type KeywordProbe = (
  target: Address,
  keyword: string,
  services: { readonly clock: FakeClock; readonly deadlines: FakeClock['deadlines'] },
) => Promise<ProbeResult>;

const KEYWORD = 'in good health';

function failure(result: ProbeResult): string {
  return result.ok ? 'ok' : result.failureCode;
}

/**
 * @param certificate of targets that speak TLS.
 * @param preamble what an answer of this kind begins with before a keyword can stand.
 */
export function describeProbe(
  name: string,
  preamble: string,
  probe: KeywordProbe,
  certificate?: TargetCertificate,
): void {
  const startTarget = (onRequest?: Parameters<typeof startPlainTarget>[0]): Promise<ProbeTarget> =>
    startPlainTarget(onRequest, undefined, certificate);
  const probing = (target: ProbeTarget, clock = createFakeClock()): Promise<ProbeResult> =>
    probe(target.address, KEYWORD, { clock, deadlines: clock.deadlines });

  async function resultOf(answer: string): Promise<ProbeResult> {
    const target = await startTarget((socket, chunk) => chunk !== '' && socket.end(answer, 'latin1'));
    try {
      return await probing(target);
    } finally {
      await target.stop();
    }
  }

  describe(`the probe ${name}`, () => {
    it('succeeds with the keyword, says how long it took, and closes a connection that the server keeps', async () => {
      const clock = createFakeClock();
      const target = await startTarget((socket, chunk) => {
        if (chunk === '') return;
        clock.advance(120);
        socket.write(`${preamble}x${KEYWORD}y`, 'latin1');
      });
      assert.deepEqual(await probing(target, clock), { ok: true, responseMs: 120 });
      await target.until(() => target.closed === 1);
      assert.equal(clock.deadlines.size, 0);
      await target.stop();
    });

    it('finds a keyword that comes byte by byte', async () => {
      const target = await startTarget((socket, chunk) => {
        if (chunk !== '') writeApart(socket, `${preamble}--${KEYWORD}--`);
      });
      assert.equal((await probing(target)).ok, true);
      await target.stop();
    });

    it('fails when the server closes without the keyword', async () => {
      assert.equal(failure(await resultOf(`${preamble}${KEYWORD.slice(1)}`)), 'PAYLOAD_CONTENT_MISMATCH');
      assert.equal(failure(await resultOf(preamble)), 'PAYLOAD_CONTENT_MISMATCH');
    });

    it('fails when the server closes without a byte', async () => {
      assert.equal((await resultOf('')).ok, false);
    });

    it('looks at the first 2048 bytes and no further, also when they come in parts', async () => {
      const fill = 'x'.repeat(MATCH_BYTES - preamble.length - KEYWORD.length);
      for (const [answer, verdict] of [
        [`${fill}${KEYWORD}`, 'ok'],
        [`${fill}x${KEYWORD}`, 'PAYLOAD_CONTENT_MISMATCH'],
      ] as const) {
        assert.equal(failure(await resultOf(preamble + answer)), verdict);
        const target = await startTarget((socket, chunk) => {
          if (chunk !== '') writeApart(socket, [preamble + answer.slice(0, 1000), answer.slice(1000)]);
        });
        assert.equal(failure(await probing(target)), verdict);
        await target.stop();
      }
    });

    it('ends an answer without end', async () => {
      const chunk = 'x'.repeat(1 << 16);
      let written = 0;
      const target = await startTarget((socket, request) => {
        if (request === '') return;
        socket.write(preamble, 'latin1');
        const more = (): void => {
          while (!socket.destroyed && written < 1 << 28) {
            written += chunk.length;
            if (!socket.write(chunk)) return void socket.once('drain', more);
          }
        };
        more();
      });
      assert.equal(failure(await probing(target)), 'PAYLOAD_CONTENT_MISMATCH');
      await target.until(() => target.closed === 1);
      assert.ok(written < 1 << 25, `${written} bytes until the connection was closed`);
      await target.stop();
    });

    it('gives up at the receive timeout, not before, on a server that says nothing or drips', async () => {
      for (const answer of ['', preamble]) {
        const clock = createFakeClock();
        const target = await startTarget((socket, chunk) => chunk !== '' && socket.write(answer, 'latin1'));
        let over = false;
        const result = probing(target, clock).finally(() => {
          over = true;
        });
        await target.until(() => target.received !== '');
        clock.advance(1950);
        await new Promise(setImmediate);
        assert.equal(over, false);
        clock.advance(150);
        assert.equal(failure(await result), 'PAYLOAD_TIMEOUT');
        await target.until(() => target.closed === 1);
        assert.equal(clock.deadlines.size, 0);
        await target.stop();
      }
    });

    it('gives up at the receive timeout on a connection that does not open', async () => {
      const clock = createFakeClock();
      const target = await startTarget();
      const result = probing(target, clock);
      // Before the event loop could tell of the connection.
      clock.advance(2100);
      assert.equal(failure(await result), 'CONNECTION_TIMEOUT');
      await target.stop();
    });

    it('says that the connection was refused', async () => {
      const target = await startTarget();
      await target.stop();
      const result = await probing(target);
      assert.equal(failure(result), 'CONNECTION_REFUSED');
      assert.match(result.ok ? '' : result.reason, /ECONNREFUSED at 127\.0\.0\.1:\d+/);
    });

    it('says that the connection was reset', async () => {
      const target = await startTarget((socket, chunk) => chunk !== '' && resetConnection(socket));
      assert.equal(failure(await probing(target)), 'CONNECTION_RESET');
      await target.stop();
    });
  });
}
