// How long a client may leave what was written to it untaken, in either version of HTTP.

/**
 * Where its body has no time limit. Somebody who paused may come back, but one that never does must not hold its memory for ever; and node:http2 does
 * not always tell of one that is gone: after a write that failed, over TLS, it waits for ever for that write and reads nothing meanwhile.
 */
const UNLIMITED_STALL_MS = 300_000;

/** @param bodyTimeoutMs client_body_timeout; 0 where it has no limit. */
export function stallLimitMs(bodyTimeoutMs: number): number {
  return bodyTimeoutMs || UNLIMITED_STALL_MS;
}
