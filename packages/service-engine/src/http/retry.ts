// Which requests may be sent a second time.

// RFC 9110 §9.2.2: PUT, DELETE and the safe methods. TRACE is left out: nobody retries it and it reflects credentials.
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Whether sending the request twice does what sending it once does. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
