import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { describe, it } from 'node:test';
import { itWithstands, useFloodBed } from './floods/flood.ts';
import { eventually } from './support/engine.ts';
import { clientHelloWithIdentities } from './support/raw-hello.ts';

const floods = [
  'connections without a ClientHello',
  'bytes that are no TLS',
  'tickets that nobody sealed',
  'handshakes that are left',
] as const;

describe('an engine that terminates TLS (R16)', () => {
  // Places for as many as there are descriptors: with fewer, whoever opens them faster than they give way keeps others out (docs/memory.md).
  const bed = useFloodBed(4096);
  itWithstands(bed, floods);

  it('is rid at once of clients that leave in the middle of their handshake', async () => {
    const open = () => bed.engine.metric('limpet_connections_open');
    const client = createConnection({ port: bed.port, host: '127.0.0.1', allowHalfOpen: true });
    client.write(clientHelloWithIdentities([randomBytes(208)]));
    await once(client, 'data');
    assert.equal(await open(), 1);
    // An orderly end, no reset; the deadline of a handshake is 10 s.
    client.end();
    await eventually(async () => (await open()) === 0, 'the connection is closed', 5000);
    client.destroy();
  });
});
