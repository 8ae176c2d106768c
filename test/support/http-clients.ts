// Clients of both HTTP versions with one face, so that a promise is tested over both by the same lines.

import type { ClientRequest } from 'node:http';
import { connect as connectHttp2, constants, type IncomingHttpHeaders } from 'node:http2';
import { Agent, request as requestHttp1 } from 'node:https';

export interface Sending {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An array is sent part by part, without a length. */
  readonly body?: Buffer | readonly Buffer[];
  readonly trailers?: Readonly<Record<string, string>>;
  /** Waits for 100 before it sends the body; a final status instead ends the request without it. */
  readonly expectContinue?: boolean;
}

export interface Reply {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly trailers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
  /** Informational statuses before the final one. */
  readonly informational: readonly number[];
}

export interface HttpClient {
  readonly version: 'h1' | 'h2';
  /** Rejects when the response is cut short. */
  request(sending?: Sending): Promise<Reply>;
  close(): void;
}

export const bothVersions = ['h1', 'h2'] as const;

const TIMEOUT_MS = 15_000;

/** What the client shows of itself, PEM. */
export interface ClientCredentials {
  readonly cert?: string;
  readonly key?: string;
  /** To be resumed. */
  readonly session?: Buffer;
}

/** A client with one connection. */
export function openClient(
  version: 'h1' | 'h2',
  port: number,
  credentials: ClientCredentials = {},
): HttpClient {
  return version === 'h1' ? openHttp1(port, credentials) : openHttp2(port, credentials);
}

function openHttp1(port: number, credentials: ClientCredentials): HttpClient {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    rejectUnauthorized: false,
    timeout: TIMEOUT_MS,
    ...credentials,
  });
  return {
    version: 'h1',
    close: () => agent.destroy(),
    request: (sending = {}) =>
      new Promise((resolve, reject) => {
        const { method = 'GET', path = '/', headers = {}, expectContinue = false } = sending;
        const informational: number[] = [];
        const request = requestHttp1({
          ...{ host: '127.0.0.1', port, servername: 'localhost', agent, method, path },
          headers: {
            host: 'localhost',
            ...lengthField(sending),
            ...(expectContinue ? { expect: '100-continue' } : {}),
            ...(sending.trailers === undefined ? {} : { trailer: Object.keys(sending.trailers).join(', ') }),
            ...headers,
          },
        });
        request.setTimeout(TIMEOUT_MS, () => request.destroy(new Error('nothing happened for too long')));
        request.on('error', reject);
        request.on('information', ({ statusCode }) => informational.push(statusCode));
        request.on('response', (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              trailers: response.trailers,
              body: Buffer.concat(parts),
              informational,
            }),
          );
        });
        if (expectContinue) {
          request.on('continue', () => sendBody(request, sending));
          request.flushHeaders();
        } else {
          sendBody(request, sending);
        }
      }),
  };
}

function lengthField({ body }: Sending): Readonly<Record<string, string>> {
  if (body === undefined) return {};
  return Buffer.isBuffer(body)
    ? { 'content-length': String(body.length) }
    : { 'transfer-encoding': 'chunked' };
}

function sendBody(request: ClientRequest, { body, trailers }: Sending): void {
  for (const part of Buffer.isBuffer(body) ? [body] : (body ?? [])) request.write(part);
  if (trailers !== undefined) request.addTrailers(trailers);
  request.end();
}

function openHttp2(port: number, credentials: ClientCredentials): HttpClient {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    servername: 'localhost',
    rejectUnauthorized: false,
    ...credentials,
  });
  session.on('error', () => {});
  return {
    version: 'h2',
    close: () => session.destroy(),
    request: (sending = {}) =>
      new Promise((resolve, reject) => {
        const { method = 'GET', path = '/', headers = {}, body, trailers, expectContinue = false } = sending;
        const informational: number[] = [];
        const parts: Buffer[] = [];
        let head: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
        let trailing: IncomingHttpHeaders = {};
        const stream = session.request(
          {
            ...{ ':method': method, ':path': path, ':authority': 'localhost' },
            ...(Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {}),
            ...(expectContinue ? { expect: '100-continue' } : {}),
            ...headers,
          },
          { endStream: body === undefined, waitForTrailers: trailers !== undefined },
        );
        stream.setTimeout(TIMEOUT_MS, () => stream.destroy(new Error('nothing happened for too long')));
        stream.on('error', reject);
        stream.on('headers', (fields) => informational.push(Number(fields[':status'])));
        stream.on('response', (fields) => {
          head = fields;
        });
        stream.on('trailers', (fields) => {
          trailing = fields;
        });
        stream.on('data', (part: Buffer) => parts.push(part));
        let ended = false;
        stream.on('end', () => {
          ended = true;
        });
        stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
        stream.on('close', () => {
          if (!ended || stream.rstCode !== constants.NGHTTP2_NO_ERROR || head[':status'] === undefined) {
            reject(new Error(`the stream was reset with ${stream.rstCode}`));
            return;
          }
          const { ':status': status = 0, ...fields } = head;
          resolve({ status, headers: fields, trailers: trailing, body: Buffer.concat(parts), informational });
        });
        if (body === undefined) return;
        const send = (): void => {
          for (const part of Buffer.isBuffer(body) ? [body] : body) stream.write(part);
          stream.end();
        };
        if (expectContinue) stream.once('continue', send);
        else send();
      }),
  };
}
