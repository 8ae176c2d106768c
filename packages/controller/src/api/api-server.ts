// The API's https server: every request in one form, its answer with the headers that all have, and which function answers what.

import type { Server } from 'node:https';
import { LimpetError } from '@limpet/model';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { JsonValue } from '../json.ts';
import { AccountRoutes } from './account-routes.ts';
import { ActionRoutes } from './action-routes.ts';
import { type ApiAnswer, type ApiCall, type Handler, headerOf, type PublicHandler } from './api-call.ts';
import type { ApiServices } from './api-services.ts';
import { CONTROLLER_VERSION, readApiVersion } from './api-version.ts';
import { identifyCaller, portalConfiguration } from './caller.ts';
import { errorAnswer } from './error-answer.ts';
import { InventoryRoutes, isInventory } from './inventory-routes.ts';
import { parseJsonBody } from './json-body.ts';
import { LoginRoutes, sessionCookies } from './login-routes.ts';
import { ObjectRoutes } from './object-routes.ts';
import { describeApi } from './openapi.ts';
import type { ServerCertificate } from './own-certificate.ts';
import { PublicRoutes } from './public-routes.ts';
import { normalisePath } from './request-path.ts';
import { VersionRoutes } from './version-routes.ts';

export interface ApiServerOptions extends ServerCertificate {
  readonly listen: { readonly ip: string; readonly port: number };
}

/** The largest object is a pool of 5000 servers: about 2 MB. */
export const BODY_LIMIT_BYTES = 8 * 2 ** 20;
/** What anybody may send without a login. */
const OPEN_BODY_LIMIT_BYTES = 65_536;
const CONNECTIONS_MAX = 2000;
const HEADER_LIMIT_BYTES = 16_384;
/** For a whole request, and for its head. */
const REQUEST_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 15_000;
const HANDSHAKE_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** Names have up to 255 characters, and a uuid may be one by the Slug header; of each byte three may be written. */
const PARAMETER_LENGTH_MAX = 1024;

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

// What is answered is data for programs: nothing of it is to be shown, framed, guessed at or kept.
const ANSWER_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export class ApiServer {
  readonly #app: FastifyInstance<Server>;
  readonly #services: ApiServices;
  readonly #options: ApiServerOptions;
  readonly #log: Logger;

  constructor(services: ApiServices, options: ApiServerOptions, log: Logger) {
    this.#services = services;
    this.#options = options;
    this.#log = log;
    this.#app = Fastify({
      https: {
        key: options.privateKeyPem,
        cert: options.certificatePem,
        minVersion: 'TLSv1.2',
        maxHeaderSize: HEADER_LIMIT_BYTES,
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        headersTimeout: HEADERS_TIMEOUT_MS,
      },
      bodyLimit: BODY_LIMIT_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      forceCloseConnections: 'idle',
      routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
      rewriteUrl: (request) => normalisePath(request.url ?? '/'),
      frameworkErrors: (error, request, reply) => void this.#refuse(error, request, reply),
    });
    this.#app.server.maxConnections = CONNECTIONS_MAX;
    this.#app.removeAllContentTypeParsers();
    this.#app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, bytes, done) => done(null, bytes));
    this.#app.setErrorHandler((error, request, reply) => this.#refuse(error, request, reply));
    this.#app.setNotFoundHandler((request, reply) =>
      this.#refuse(new LimpetError('OBJECT_NOT_FOUND', 'Not found.'), request, reply),
    );
    this.#app.addHook('onResponse', async (request, reply) => this.#logAnswer(request, reply));
    this.#addRoutes();
  }

  /** @returns the port that it listens on. @throws LimpetError ADDRESS_IN_USE */
  async start(): Promise<number> {
    const { ip, port } = this.#options.listen;
    try {
      await this.#app.listen({ host: ip, port });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw new LimpetError('ADDRESS_IN_USE', `${ip}:${port}`, { cause: error });
    }
    return (this.#app.server.address() as { port: number }).port;
  }

  /** Takes no new requests, and resolves when those that are under way are answered. */
  async stop(): Promise<void> {
    await this.#app.close();
  }

  /** For connections that come from now on. */
  useCertificate({ certificatePem, privateKeyPem }: ServerCertificate): void {
    this.#app.server.setSecureContext({ cert: certificatePem, key: privateKeyPem, minVersion: 'TLSv1.2' });
  }

  /** Ends connections, whatever is under way. */
  cut(): void {
    this.#app.server.closeAllConnections();
  }

  #addRoutes(): void {
    const services = this.#services;
    const login = new LoginRoutes(services);
    this.#open('POST', '/login', (call) => login.login(call));
    this.#open('POST', '/logout', (call) => login.logout(call));
    const open = new PublicRoutes(services);
    this.#open('GET', '/api/initial-data', () => open.initialData());
    this.#open('GET', '/api/cluster/runtime', (call) => open.clusterRuntime(call));
    this.#open('GET', '/api/cluster/status', (call) => open.clusterStatus(call));
    this.#open('GET', '/api/cluster/version', () => open.clusterVersion());
    this.#open('GET', '/api/openapi.json', () => ({ status: 200, body: describeApi() }));
    for (const { method, path, handle } of services.publicEndpoints) this.#open(method, path, handle);
    for (const { method, path, handle } of services.knownEndpoints) this.#known(method, path, handle);

    const account = new AccountRoutes(services);
    this.#known('GET', '/api/useraccount', (call, caller) => account.read(call, caller));
    this.#known('PUT', '/api/useraccount', (call, caller) => account.change(call, caller));
    this.#known('GET', '/api/user-token', (call, caller) => account.tokens(call, caller));
    this.#known('POST', '/api/user-token', (call, caller) => account.createToken(call, caller));
    this.#known('DELETE', '/api/user-token/:id', (call, caller) => account.revokeToken(call, caller));

    const versions = new VersionRoutes(services);
    const at = '/api/configuration/versions';
    this.#known('GET', at, (call, caller) => versions.list(call, caller));
    this.#known('GET', `${at}/:version`, (call, caller) => versions.show(call, caller));
    this.#known('GET', `${at}/:version/compare`, (call, caller) => versions.compare(call, caller));
    this.#known('POST', `${at}/:version/rollback`, (call, caller) => versions.rollBack(call, caller));

    const objects = new ObjectRoutes(services);
    const inventory = new InventoryRoutes(services);
    const actions = new ActionRoutes(services);
    this.#known('POST', '/api/macro', (call, caller) => objects.macro(call, caller));
    this.#known(METHODS, '/api/:type', (call, caller) =>
      isInventory(call.params.type) ? inventory.read(call, caller) : objects.collection(call, caller),
    );
    this.#known(METHODS, '/api/:type/:uuid', (call, caller) =>
      isInventory(call.params.type) ? inventory.read(call, caller) : objects.object(call, caller),
    );
    this.#known('GET', '/api/:type/:uuid/*', (call, caller) => actions.read(call, caller));
    this.#known('POST', '/api/:type/:uuid/*', (call, caller) => actions.act(call, caller));
  }

  /** A route for everybody. */
  #open(method: 'GET' | 'POST', url: string, handle: PublicHandler): void {
    this.#app.route({
      method,
      url,
      bodyLimit: OPEN_BODY_LIMIT_BYTES,
      handler: async (request, reply) => {
        // A client that does not know which version to speak asks one of these.
        const call = this.#call(request, versionOr(request, CONTROLLER_VERSION), url === '/login');
        return this.#answer(reply, call, await handle(call));
      },
    });
  }

  /** A route for users. */
  #known(method: string | readonly string[], url: string, handle: Handler): void {
    this.#app.route({
      method: typeof method === 'string' ? method : [...method],
      url,
      // Before the body is read: who has no session sends none.
      onRequest: async (request, reply) => {
        const { headers, method: name } = request;
        const asked = { method: name, headers, address: addressOf(request) };
        const caller = await identifyCaller(
          asked,
          this.#services.authenticator,
          this.#services.configuration,
        );
        callers.set(request, caller);
        if (caller.sessionId === undefined) return;
        // Recorded: every answer sets the session's cookies again.
        reply.header('set-cookie', sessionCookies(caller.sessionId, this.#forceTimeoutS()));
      },
      handler: async (request, reply) => {
        const caller = callers.get(request);
        if (caller === undefined) throw new LimpetError('LOGIN_REQUIRED');
        const call = this.#call(request, readApiVersion(headerOf(request.headers, 'x-avi-version')), false);
        return this.#answer(reply, call, await handle(call, caller));
      },
    });
  }

  #call(request: FastifyRequest, version: string, isFormAllowed: boolean): ApiCall {
    const url = request.url;
    const at = url.indexOf('?');
    const { method } = request;
    return {
      method: method === 'HEAD' ? 'GET' : method,
      path: at < 0 ? url : url.slice(0, at),
      params: request.params as Record<string, string>,
      query: new URLSearchParams(at < 0 ? '' : url.slice(at + 1)),
      headers: request.headers,
      body: readBody(request, isFormAllowed),
      address: addressOf(request),
      origin: this.#originOf(request),
      version,
      nowS: this.#services.clock.unixMs() / 1000,
    };
  }

  /** For the URLs of an answer: where the client has reached us. */
  #originOf(request: FastifyRequest): string {
    const host = headerOf(request.headers, 'host');
    if (host === undefined) return `https://${this.#options.listen.ip}:${this.#options.listen.port}`;
    if (!/^[A-Za-z0-9._:[\]-]{1,255}$/.test(host) || !URL.canParse(`https://${host}`))
      throw new LimpetError('REQUEST_MALFORMED', 'Host');
    return `https://${host}`;
  }

  #answer(reply: FastifyReply, call: ApiCall, { status, body, headers }: ApiAnswer): FastifyReply {
    reply.header('avi_api_version', call.version);
    return send(reply, status, body, headers);
  }

  #refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { status, body } = errorAnswer(error);
    if (status >= 500)
      this.#log.error(
        { event: 'API_FAILED', method: request.method, status, err: error },
        'a request failed',
      );
    reply.header('avi_api_version', versionOr(request, CONTROLLER_VERSION));
    if (status === 401) reply.header('www-authenticate', 'Bearer realm="limpet"');
    return send(reply, status, body as JsonValue);
  }

  #forceTimeoutS(): number {
    const { api_force_timeout } = portalConfiguration(this.#services.configuration.view);
    return (typeof api_force_timeout === 'number' ? api_force_timeout : 24) * 3600;
  }

  /** Path, and nothing of query, headers or bodies: these have secrets in them. */
  #logAnswer(request: FastifyRequest, reply: FastifyReply): void {
    this.#log.info(
      {
        event: 'API_REQUEST',
        method: request.method,
        path: (request.url.split('?')[0] as string).slice(0, 512),
        status: reply.statusCode,
        user: callers.get(request)?.user.name,
        address: addressOf(request),
        duration_ms: Math.round(reply.elapsedTime * 1000) / 1000,
      },
      'answered',
    );
  }
}

const callers = new WeakMap<FastifyRequest, Parameters<Handler>[1]>();

function send(
  reply: FastifyReply,
  status: number,
  body: JsonValue,
  headers: ApiAnswer['headers'] = {},
): FastifyReply {
  reply.code(status).headers({ ...ANSWER_HEADERS });
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  if (body === undefined) return reply.send();
  if (typeof body === 'string') return reply.type('text/plain; charset=utf-8').send(body);
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body));
}

function versionOr(request: FastifyRequest, otherwise: string): string {
  try {
    return readApiVersion(headerOf(request.headers, 'x-avi-version'));
  } catch {
    return otherwise;
  }
}

/** @throws LimpetError MEDIA_TYPE_NOT_SUPPORTED, JSON_MALFORMED */
function readBody(request: FastifyRequest, isFormAllowed: boolean): JsonValue {
  const bytes = request.body;
  // SDKs send a content type also where they send nothing.
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) return undefined;
  const type = headerOf(request.headers, 'content-type') ?? 'application/json';
  if (/^application\/json *(; *charset="?utf-8"? *)?$/i.test(type)) return parseJsonBody(bytes);
  if (isFormAllowed && /^application\/x-www-form-urlencoded *(;|$)/i.test(type))
    return Object.fromEntries(new URLSearchParams(Buffer.from(bytes).toString('utf8')));
  throw new LimpetError('MEDIA_TYPE_NOT_SUPPORTED');
}

/** IPv4 in its own form, also where the socket is of IPv6. */
function addressOf(request: FastifyRequest): string {
  return request.ip.replace(/^::ffff:(?=\d+\.)/i, '');
}
