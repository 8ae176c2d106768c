// Controllers of system tests: real processes with a state folder of their own, and a client that speaks to them as an SDK does.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type RunningProcess, startProcess } from '@limpet/testkit';

const main = resolve(import.meta.dirname, '../../packages/cli/src/main.ts');

export const ADMIN_PASSWORD = 'correct horse battery';

export interface RunningController {
  readonly port: number;
  readonly enginePort: number;
  readonly stateFolder: string;
  readonly process: RunningProcess;
  /** As it was printed, where the Controller has made one. */
  readonly madePassword: string | undefined;
  /** Logged in as admin. */
  login(): Promise<ApiClient>;
  stop(): Promise<void>;
}

interface Ready {
  readonly admin_password?: string;
  readonly listen: { readonly port: number };
  readonly engine_listen: { readonly port: number };
}

/** @param stateFolder one that is there already; else one that goes away with the Controller. */
export async function startController(
  args: readonly string[] = [],
  stateFolder?: string,
  environment: NodeJS.ProcessEnv = { LIMPET_ADMIN_PASSWORD: ADMIN_PASSWORD },
): Promise<RunningController> {
  const folder = stateFolder ?? mkdtempSync(join(tmpdir(), 'limpet-controller-'));
  const { process: running, ready } = await startProcess(
    process.execPath,
    [
      main,
      'controller',
      ...['--state', folder, '--listen', '127.0.0.1:0', '--engine-listen', '127.0.0.1:0'],
      '--with-parent',
      ...args,
    ],
    (line) => (line.startsWith('{"event":"ready"') ? (JSON.parse(line) as Ready) : undefined),
    { timeoutMs: 60_000, env: environment },
  );
  return {
    port: ready.listen.port,
    enginePort: ready.engine_listen.port,
    stateFolder: folder,
    process: running,
    madePassword: ready.admin_password,
    login: async () => {
      const client = new ApiClient(ready.listen.port);
      const answer = await client.login('admin', ADMIN_PASSWORD);
      if (answer.status !== 200) throw new Error(`login: ${answer.status} ${answer.text}`);
      return client;
    },
    stop: async () => {
      await running.stop();
      if (stateFolder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Undefined where the body is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test asserts what it finds in it.
  readonly json: any;
}

export interface Sent {
  /** An object is sent as JSON, a text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Keeps cookies and sends what the SDKs of Avi send. */
export class ApiClient {
  readonly port: number;
  readonly cookies = new Map<string, string>();
  /** Sent with every request; empty: none. */
  version = '30.2.1';
  tenant = 'admin';
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

  constructor(port: number) {
    this.port = port;
  }

  get origin(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  login(username: string, password: string): Promise<Answer> {
    return this.send('POST', '/login', { body: { username, password } });
  }

  get(path: string, headers: Sent['headers'] = {}): Promise<Answer> {
    return this.send('GET', path, { headers });
  }

  post(path: string, body?: unknown, headers: Sent['headers'] = {}): Promise<Answer> {
    return this.send('POST', path, { body, headers });
  }

  put(path: string, body: unknown, headers: Sent['headers'] = {}): Promise<Answer> {
    return this.send('PUT', path, { body, headers });
  }

  patch(path: string, body: unknown): Promise<Answer> {
    return this.send('PATCH', path, { body });
  }

  delete(path: string, headers: Sent['headers'] = {}): Promise<Answer> {
    return this.send('DELETE', path, { headers });
  }

  /** With the session that the client has, if any. */
  async send(method: string, path: string, { body, headers = {} }: Sent = {}): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await this.raw(method, path, {
      body,
      headers: {
        'content-type': 'application/json',
        referer: `${this.origin}/`,
        ...(this.version === '' ? {} : { 'x-avi-version': this.version }),
        ...(this.tenant === '' ? {} : { 'x-avi-tenant': this.tenant }),
        ...(cookie === '' ? {} : { cookie, 'x-csrftoken': this.cookies.get('csrftoken') ?? '' }),
        timeout: '60',
        ...headers,
      },
    });
    for (const text of answer.headers['set-cookie'] ?? []) {
      const [pair = ''] = text.split(';');
      this.cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    return answer;
  }

  /** With these headers and no others. */
  raw(method: string, path: string, { body, headers = {} }: Sent = {}): Promise<Answer> {
    return new Promise((answered, failed) => {
      const outgoing = request(
        { host: '127.0.0.1', port: this.port, agent: this.#agent, method, path, headers: { ...headers } },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', failed);
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            answered({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              text,
              json: parsed(text),
            });
          });
        },
      );
      outgoing.on('error', failed);
      const text =
        body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
      outgoing.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

let made = 0;

/** A name that no other test of the process has. */
export function fresh(what: string): string {
  return `${what}-${++made}`;
}

export function poolServer(addr: string, port = 80, more: Readonly<Record<string, unknown>> = {}) {
  return { ip: { addr, type: 'V4' }, port, ...more };
}

/** Fields of a new pool. */
export function poolBody(more: Readonly<Record<string, unknown>> = {}) {
  return { name: fresh('pool'), servers: [poolServer('10.1.1.1')], ...more };
}

export async function createPool(
  api: ApiClient,
  more: Readonly<Record<string, unknown>> = {},
  headers: Sent['headers'] = {},
): Promise<Answer['json']> {
  const answer = await api.post('/api/pool', poolBody(more), headers);
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

/** Refused with this status, and with an error that says so. */
export function assertRefused(answer: Answer, status: number, text: RegExp | string): void {
  assert.equal(answer.status, status, answer.text);
  const error = answer.json?.error ?? answer.json?.detail ?? answer.text;
  if (typeof text === 'string') assert.equal(error, text);
  else assert.match(error, text);
}
