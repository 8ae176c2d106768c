// The bed that most tests of the HTTP proxy begin with: a server whose handler they change, and one engine before it.

import { after, before } from 'node:test';
import { type OneEngine, startOneEngine } from './one-engine.ts';
import { type OriginServer, startOriginServer } from './origin-server.ts';

export interface OriginBed {
  readonly origin: OriginServer;
  readonly proxy: OneEngine;
  /** Of the proxy. */
  readonly port: number;
}

/** Started before the tests of the block that calls it, and stopped after them. */
export function useOriginBed(options: Parameters<typeof startOneEngine>[1] = {}): OriginBed {
  let origin: OriginServer;
  let proxy: OneEngine | undefined;
  const started = (): OneEngine => {
    if (proxy === undefined) throw new Error('no test has begun');
    return proxy;
  };
  before(async () => {
    origin = await startOriginServer();
    proxy = await startOneEngine(origin, options);
  });
  after(async () => {
    // Where it did not start, the server has to end all the same.
    await proxy?.stop();
    await origin.stop();
  });
  return {
    get origin() {
      return origin;
    },
    get proxy() {
      return started();
    },
    get port() {
      return started().port;
    },
  };
}
