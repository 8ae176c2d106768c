// One request to the API and its answer, as the functions behind the routes see them.

import type { JsonObject, JsonValue } from '../json.ts';
import type { AuthenticatedUser } from '../users/authenticator.ts';
import { asJsonObject } from './json-body.ts';

/** The tenant that a request speaks of; `*` is all that the user may see. */
export type TenantScope =
  | { readonly kind: 'one'; readonly uuid: string }
  | { readonly kind: 'all'; readonly home: string };

export interface Caller {
  readonly user: AuthenticatedUser;
  /** Of the session that the request came with, where it did. */
  readonly sessionId?: string;
  readonly tenant: TenantScope;
}

export interface ApiCall {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Undefined where the request had none. */
  readonly body: JsonValue;
  /** That the request came from. */
  readonly address: string;
  /** As `https://controller.example:9443`, for the URLs in the answer. */
  readonly origin: string;
  /** X-Avi-Version, checked. */
  readonly version: string;
  /** When it came, seconds since 1970. */
  readonly nowS: number;
}

export interface ApiAnswer {
  readonly status: number;
  /** A string is plain text; absent: no content. */
  readonly body?: JsonValue;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

export type PublicHandler = (call: ApiCall) => ApiAnswer | Promise<ApiAnswer>;
export type Handler = (call: ApiCall, caller: Caller) => ApiAnswer | Promise<ApiAnswer>;

export function ok(body: JsonValue, headers?: ApiAnswer['headers']): ApiAnswer {
  return headers === undefined ? { status: 200, body } : { status: 200, body, headers };
}

export function bodyOf(call: ApiCall): JsonObject {
  return asJsonObject(call.body);
}

/** Of a field that came several times, the last. */
export function headerOf(headers: ApiCall['headers'], name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.at(-1) : value;
}
