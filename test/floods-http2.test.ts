import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import { describe, it } from 'node:test';
import { itWithstands, useFloodBed } from './floods/flood.ts';
import { frame, frameType, getFields, headersFrame, openRawHttp2, saysOk } from './support/raw-http2.ts';

const floods = [
  'rapid reset',
  'CONTINUATION',
  'SETTINGS',
  'PING',
  'PRIORITY',
  'empty DATA frames',
  'header bombs',
  'streams without a window',
  'small answers without a window',
  'windows of one byte',
  'window updates',
] as const;

describe('an engine that speaks HTTP/2 (R16)', () => {
  const bed = useFloodBed();
  itWithstands(bed, floods);

  it('ends streams whose clients make no room for the answer, however small that is', async () => {
    const raw = await openRawHttp2(bed.port);
    const noWindow = Buffer.from([0, 4, 0, 0, 0, 0]);
    raw.send(frame(frameType.settings, 0, 0, noWindow), headersFrame(1, getFields('/bytes?n=100')));
    const head = await raw.next(({ type, stream }) => type === frameType.headers && stream === 1, 'the head');
    assert.ok(head !== undefined && saysOk(head));
    const reset = await raw.next(({ type }) => type === frameType.rstStream, 'client_body_timeout');
    assert.equal(reset?.payload.readUInt32BE(0), constants.NGHTTP2_CANCEL);
    await raw.ended();
  });

  it('ends streams whose clients make no room for a refusal, and the connections that are idle then', async () => {
    const raw = await openRawHttp2(bed.port);
    const noWindow = Buffer.from([0, 4, 0, 0, 0, 0]);
    raw.send(
      frame(frameType.settings, 0, 0, noWindow),
      headersFrame(1, getFields('/refused', ['host', 'another.test'])),
    );
    assert.ok(await raw.next(({ type }) => type === frameType.headers, 'the refusal'));
    const reset = await raw.next(({ type }) => type === frameType.rstStream, 'client_body_timeout');
    assert.equal(reset?.payload.readUInt32BE(0), constants.NGHTTP2_CANCEL);
    assert.ok(await raw.next(({ type }) => type === frameType.goaway, 'keepalive_timeout'));
    await raw.ended();
  });
});
