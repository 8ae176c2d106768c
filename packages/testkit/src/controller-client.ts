// A client of the Controller's API, as its unmodified clients are: a login with a form or JSON, cookies, a CSRF token in each request.

import type { OutgoingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';

/** Whoever asks knows what is answered. */
// biome-ignore lint/suspicious/noExplicitAny: a test that reads a field that is not there fails, as it should.
export type AnsweredJson = any;

export interface ControllerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body, parsed; undefined where it is no JSON. */
  readonly json: AnsweredJson;
}

export interface ControllerClientOptions {
  /** As `https://127.0.0.1:9443`. */
  readonly url: string;
  readonly user?: string;
  readonly password: string;
  /** PEM of the authority of its certificate; absent: any certificate is taken, as clients of the API mostly do. */
  readonly ca?: string;
  /** Sent as X-Avi-Version. */
  readonly version?: string;
}

const ANSWER_TIMEOUT_MS = 60_000;

export class ControllerClient {
  readonly #options: ControllerClientOptions;
  readonly #agent: Agent;
  readonly #cookies = new Map<string, string>();

  constructor(options: ControllerClientOptions) {
    this.#options = options;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 8,
      ...(options.ca === undefined ? { rejectUnauthorized: false } : { ca: options.ca }),
    });
  }

  /** @throws Error with the answer where it is refused. */
  async login(): Promise<ControllerAnswer> {
    const { user = 'admin', password } = this.#options;
    this.#cookies.clear();
    const answer = await this.send('POST', '/login', { username: user, password });
    if (answer.status !== 200) throw new Error(`login: ${answer.status} ${answer.text}`);
    return answer;
  }

  /** Any answer; a body that is no string is sent as JSON. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ControllerAnswer> {
    const bytes = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const { url, version = '30.2.1' } = this.#options;
    const sent: OutgoingHttpHeaders = {
      'content-type': 'application/json',
      'x-avi-version': version,
      referer: `${url}/`,
      ...this.#session(),
      ...headers,
      ...(bytes === undefined ? {} : { 'content-length': Buffer.byteLength(bytes) }),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        new URL(path, url),
        { method, agent: this.#agent, headers: sent, timeout: ANSWER_TIMEOUT_MS },
        (incoming) => {
          let text = '';
          incoming.setEncoding('utf8');
          incoming.on('data', (chunk: string) => {
            text += chunk;
          });
          incoming.on('error', reject);
          incoming.on('end', () => {
            this.#keepCookies(incoming.headers['set-cookie'] ?? []);
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              text,
              json: parsed(text),
            });
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`)));
      outgoing.on('error', reject);
      outgoing.end(bytes);
    });
  }

  /** What is answered. @throws Error with the answer where its status is not 2xx. */
  async call(method: string, path: string, body?: unknown): Promise<AnsweredJson> {
    const { status, text, json } = await this.send(method, path, body);
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${text}`);
    return json;
  }

  /** The object of that name, made or replaced. */
  async put(
    type: string,
    object: Readonly<Record<string, unknown>> & { readonly name: string },
  ): Promise<AnsweredJson> {
    const found = await this.call('GET', `/api/${type}?name=${encodeURIComponent(object.name)}`);
    const [known] = found.results as readonly { readonly uuid: string }[];
    if (known === undefined) return this.call('POST', `/api/${type}`, object);
    return this.call('PUT', `/api/${type}/${known.uuid}`, object);
  }

  close(): void {
    this.#agent.destroy();
  }

  #session(): OutgoingHttpHeaders {
    if (this.#cookies.size === 0) return {};
    const csrf = this.#cookies.get('csrftoken');
    return {
      cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      ...(csrf === undefined ? {} : { 'x-csrftoken': csrf }),
    };
  }

  #keepCookies(lines: readonly string[]): void {
    for (const line of lines) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      if (at > 0) this.#cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
