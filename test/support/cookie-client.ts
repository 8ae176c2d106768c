// A client that keeps cookies, by name alone, and makes a new connection for each visit unless it is told to keep one.

import { type HttpClient, openClient, type Reply, type Sending } from './http-clients.ts';

export interface CookieReply extends Reply {
  /** x-demo-server, or ''. */
  readonly server: string;
  /** As they came. */
  readonly setCookies: readonly string[];
}

export class CookieClient {
  readonly jar = new Map<string, string>();

  /** One connection with one request. */
  async visit(version: HttpClient['version'], port: number, sending: Sending = {}): Promise<CookieReply> {
    const connection = this.connect(version, port);
    try {
      return await connection.request(sending);
    } finally {
      connection.close();
    }
  }

  connect(version: HttpClient['version'], port: number) {
    const client = openClient(version, port);
    return {
      request: async (sending: Sending = {}): Promise<CookieReply> => {
        const headers = { ...this.fields, ...sending.headers };
        return this.keep(await client.request({ ...sending, headers }));
      },
      close: () => client.close(),
    };
  }

  /** What a request carries of the jar. */
  get fields(): Readonly<Record<string, string>> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
    return cookie === '' ? {} : { cookie };
  }

  /** Takes fields Set-Cookie into the jar. */
  take(setCookies: readonly string[]): void {
    for (const line of setCookies) {
      const pair = line.split(';')[0] as string;
      this.jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
  }

  /** Takes the cookies of an answer into the jar. */
  keep(reply: Reply): CookieReply {
    const setCookies = [reply.headers['set-cookie'] ?? []].flat();
    this.take(setCookies);
    return { ...reply, setCookies, server: String(reply.headers['x-demo-server'] ?? '') };
  }
}

/** Further fields of a persistence profile with cookies of this name. */
export function cookieProfile(name: string, fields: Readonly<Record<string, unknown>> = {}) {
  return {
    persistence_type: 'PERSISTENCE_TYPE_HTTP_COOKIE',
    http_cookie_persistence_profile: { cookie_name: name, ...fields },
  };
}
