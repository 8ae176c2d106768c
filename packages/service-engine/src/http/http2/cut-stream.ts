// Cutting a stream short: it ends at once, and a client that does not even take that cannot keep it.

import type { ServerHttp2Stream } from 'node:http2';
import type { Deadlines } from '../../lifecycle/deadlines.ts';

/** For the end of a stream to reach the client. */
const CUT_LINGER_MS = 2000;

/**
 * @param code of RFC 9113 §7.
 * @param onStuck the stream is still there some time later: the client reads nothing, or node:http2 has lost sight of it.
 */
export function cutStream(
  stream: ServerHttp2Stream,
  code: number,
  deadlines: Deadlines,
  onStuck: () => void,
): void {
  stream.close(code);
  if (stream.destroyed) return;
  const deadline = deadlines.start(CUT_LINGER_MS, onStuck);
  stream.once('close', () => deadline.cancel());
}
