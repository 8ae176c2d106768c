// An engine that is filled to its last place with what costs most: it stays within its memory limit, V8 ends no worker, and whoever was there is served on.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ClientConnection, TicketClient } from '@limpet/testkit';
import { peakMib, startFloodOrigin } from './floods/flood.ts';
import { eventually } from './support/engine.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import {
  frame,
  frameType,
  getFields,
  headersFrame,
  openRawHttp2,
  type RawHttp2,
} from './support/raw-http2.ts';

const MEMORY_LIMIT_MIB = 256;
/** As docs/memory.md says, of an engine with one worker. */
const PLACES = Math.floor(((MEMORY_LIMIT_MIB - 96 - 64) * 1024) / 160);
const STREAMS = 100;
const WINDOW_BYTES = 16_384;

let origin: Awaited<ReturnType<typeof startFloodOrigin>>;
let bed: OneEngine;
before(async () => {
  origin = await startFloodOrigin();
  bed = await startOneEngine(origin, {}, ['--memory-limit', `${MEMORY_LIMIT_MIB}M`]);
});
after(async () => {
  await bed.stop();
  await origin.stop();
});

/** Requests for a megabyte each, and no room to send any of it. */
async function openStalled(): Promise<RawHttp2> {
  const raw = await openRawHttp2(bed.port);
  const noWindow = Buffer.from([0, 4, 0, 0, 0, 0]);
  const requests = Array.from({ length: STREAMS }, (_, index) =>
    headersFrame(2 * index + 1, getFields('/bytes?n=1000000')),
  );
  raw.send(frame(frameType.settings, 0, 0, noWindow), ...requests);
  return raw;
}

const framesOf = (raw: RawHttp2, type: number) => raw.frames.filter((each) => each.type === type);

describe('an engine whose places are all taken by streams that nobody reads', () => {
  it('keeps within its memory, loses no worker, serves those who are there, and others again when it has room', async () => {
    const { engine, port } = bed;
    assert.equal(await engine.metric('limpet_connections_limit'), PLACES);
    const earlier: ClientConnection = await new TicketClient().connect(port);
    const held: RawHttp2[] = [];
    const refused = () => held.reduce((sum, raw) => sum + framesOf(raw, frameType.rstStream).length, 0);
    const answered = () => held.reduce((sum, raw) => sum + framesOf(raw, frameType.headers).length, 0);
    while (refused() === 0) {
      held.push(await openStalled());
      const asked = held.length * STREAMS;
      await eventually(() => refused() + answered() >= asked, 'each is answered or refused');
    }
    const { places_taken } = (await engine.runtime()).connections;
    assert.equal(places_taken, PLACES);
    // One place is that of the earlier client; a stream of each of the others is within its connection's.
    assert.equal(answered(), PLACES - 1);

    await assert.rejects(new TicketClient().connect(port), 'a new client is refused');
    assert.equal((await earlier.request('/bytes?n=100')).body.length, 100);
    const [first] = held as [RawHttp2];
    const opened = Buffer.alloc(4);
    opened.writeUInt32BE(WINDOW_BYTES);
    first.send(frame(8, 0, 1, opened));
    const data = () => framesOf(first, frameType.data).reduce((sum, { payload }) => sum + payload.length, 0);
    await eventually(() => data() === WINDOW_BYTES, 'a stream that is held goes on when its client reads');

    const memoryMib = peakMib(engine);
    assert.ok(memoryMib <= MEMORY_LIMIT_MIB, `the engine had ${memoryMib} MiB`);
    assert.doesNotMatch(engine.process.stderr(), /"level":50/, 'no worker has ended');
    for (const raw of held) raw.close();
    await eventually(async () => (await engine.runtime()).connections.places_taken === 1, 'places are free');
    assert.equal((await new TicketClient().visit(port, '/bytes?n=100')).status, 200);
    await earlier.close();
  });
});
