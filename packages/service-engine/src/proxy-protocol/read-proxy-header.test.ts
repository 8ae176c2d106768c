import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { type ProxyHeaderResult, readProxyHeader } from './read-proxy-header.ts';
import { proxied, textHeader } from './test-proxy-header.ts';

const TIMEOUT_MS = 5000;
const client = { ip: '192.0.2.7', port: 40_001 };
const destination = { ip: '198.51.100.1', port: 443 };
const behind = Buffer.from('\x16\x03\x01 what belongs to TLS');

function startReading() {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }) as unknown as Socket;
  const results: ProxyHeaderResult[] = [];
  const { deadlines, advance } = createFakeClock();
  readProxyHeader(socket, { deadlines, timeoutMs: TIMEOUT_MS }, (result) => results.push(result));
  return { socket, results, advance, deadlines };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('reading a PROXY protocol header', () => {
  for (const [form, header] of [
    ['text', textHeader(client, destination)],
    ['binary', proxied(client, destination, { checksum: 'right' })],
  ] as const) {
    it(`gives back what came behind it, to a socket that is paused (${form})`, async () => {
      const { socket, results } = startReading();
      socket.push(Buffer.concat([header, behind]));
      await turn();
      assert.deepEqual(results, [{ kind: 'header', header: { kind: 'proxied', client, destination } }]);
      assert.ok(socket.isPaused());
      assert.deepEqual(socket.read(), behind);
      for (const event of ['data', 'end', 'close']) assert.equal(socket.listenerCount(event), 0);
    });

    it(`takes it byte by byte (${form})`, async () => {
      const { socket, results } = startReading();
      for (const byte of header) {
        assert.deepEqual(results, []);
        socket.push(Buffer.of(byte));
        await turn();
      }
      assert.equal(results[0]?.kind, 'header');
      socket.push(behind);
      assert.deepEqual(socket.read(), behind);
    });
  }

  it('refuses what is none at once, and what ends or stops in the middle', async () => {
    const none = startReading();
    none.socket.push('GET / HTTP/1.1\r\n');
    await turn();
    const ended = startReading();
    ended.socket.push('PROXY TCP4');
    ended.socket.push(null);
    await turn();
    const late = startReading();
    late.socket.push('PROXY TCP4');
    await turn();
    late.advance(TIMEOUT_MS + 1000);
    const silent = startReading();
    silent.advance(TIMEOUT_MS + 1000);
    assert.deepEqual(
      [none, ended, late, silent].map(({ results }) => results),
      [
        [{ kind: 'refused', error: 'PROXY_HEADER_MALFORMED', detail: 'no PROXY protocol header' }],
        [{ kind: 'refused', error: 'CLIENT_GONE', detail: 'before its PROXY protocol header' }],
        [{ kind: 'refused', error: 'PROXY_HEADER_TIMEOUT', detail: 'incomplete' }],
        [{ kind: 'refused', error: 'PROXY_HEADER_TIMEOUT', detail: 'not a byte' }],
      ],
    );
  });
});
