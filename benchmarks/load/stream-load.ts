// Load of concurrent requests on one HTTP/2 connection that stays open from block to block.

import { type ClientHttp2Session, connect } from 'node:http2';
import { type LanesReport, runLanes } from './lanes.ts';
import { SERVER_NAME } from './load-command.ts';
import { clientContext } from './tls-client.ts';

const REQUEST = {
  ':method': 'GET',
  ':path': '/index.html?from=benchmark',
  ':scheme': 'https',
  ':authority': SERVER_NAME,
  'user-agent': 'benchmark/1.0',
  accept: 'text/html,application/json;q=0.9,*/*;q=0.8',
  'accept-encoding': 'gzip, br',
  'accept-language': 'en',
};

const sessionByPort = new Map<number, ClientHttp2Session>();

export async function runStreams(port: number, streams: number, durationMs: number): Promise<LanesReport> {
  const session = await openSession(port);
  return runLanes(streams, durationMs, (_lane, done) => {
    if (session.closed || session.destroyed) {
      setImmediate(done, new Error('the HTTP/2 session was closed'));
      return;
    }
    let status: number | undefined;
    let bytes = 0;
    let failure: Error | undefined;
    const stream = session.request(REQUEST);
    stream.on('response', (head) => {
      status = head[':status'];
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on('error', (error: Error) => {
      failure = error;
    });
    stream.on('close', () => {
      if (failure === undefined && (status !== 200 || bytes === 0)) failure = new Error(`status ${status}`);
      done(failure);
    });
  });
}

export function openSession(port: number): Promise<ClientHttp2Session> {
  const kept = sessionByPort.get(port);
  if (kept !== undefined && !kept.closed && !kept.destroyed) return Promise.resolve(kept);
  return new Promise((resolve, reject) => {
    const session = connect(`https://127.0.0.1:${port}`, {
      servername: SERVER_NAME,
      secureContext: clientContext('TLSv1.3'),
      rejectUnauthorized: false,
    });
    session.on('error', reject);
    session.once('remoteSettings', () => {
      sessionByPort.set(port, session);
      resolve(session);
    });
  });
}
