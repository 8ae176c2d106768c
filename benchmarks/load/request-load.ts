// Load of keep-alive HTTP/1.1 requests over a few connections that stay open from block to block.

import { Http1Connection } from './http1-connection.ts';
import { type LanesReport, runLanes } from './lanes.ts';

interface Lane {
  connection: Http1Connection | undefined;
  /** Present while a request is on its way. */
  done: ((error?: Error) => void) | undefined;
}

const lanesByPort = new Map<number, readonly Lane[]>();

export function runRequests(port: number, connections: number, durationMs: number): Promise<LanesReport> {
  const lanes =
    lanesByPort.get(port) ??
    Array.from({ length: connections }, (): Lane => ({ connection: undefined, done: undefined }));
  lanesByPort.set(port, lanes);
  return runLanes(lanes.length, durationMs, (index, done) => {
    const lane = lanes[index]!;
    lane.done = done;
    lane.connection ??= openConnection(port, lane);
    lane.connection.request();
  });
}

function openConnection(port: number, lane: Lane): Http1Connection {
  return new Http1Connection(
    { port, version: 'TLSv1.3' },
    {
      onResponse: () => finish(lane),
      onClose: (error) => {
        lane.connection = undefined;
        finish(lane, error ?? new Error('closed'));
      },
    },
  );
}

function finish(lane: Lane, error?: Error): void {
  const done = lane.done;
  lane.done = undefined;
  done?.(error);
}
