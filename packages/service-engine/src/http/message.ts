// What a request and a response are between the two codecs: heads without framing, hop-by-hop fields already taken out.

/** How the end of a body is found. `stream`: an HTTP/2 body of unknown length. */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'stream' }
  | { readonly kind: 'until-close' }
  /** Of a 101 (in HTTP/2 of a 200 to extended CONNECT): bytes of another protocol, both ways. */
  | { readonly kind: 'tunnel' };

export type HttpVersion = '1.0' | '1.1' | '2';

/** A request that was checked and may be forwarded. */
export interface RequestHead {
  readonly version: HttpVersion;
  readonly method: string;
  /** origin-form (`/path?query`), or `*` for OPTIONS. An absolute-form target has been taken apart. */
  readonly target: string;
  /** Host of the request: the target's authority, else the Host field, as the client wrote it. '' only in HTTP/1.0. */
  readonly authority: string;
  /**
   * The end-to-end fields, each as `name: value\r\n`, latin1. Not among them: Host, Content-Length, Transfer-Encoding, Connection and what it
   * names, Keep-Alive, Proxy-Connection, TE, Trailer, Upgrade, Expect, Forwarded-type fields that the engine sets itself
   * (X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Port, X-Request-Id).
   */
  readonly fieldLines: string;
  /** All X-Forwarded-For values, joined by ', '; '' if none. */
  readonly forwardedFor: string;
  /** All Forwarded values, joined by ', '; '' if none. Anybody can have written them. */
  readonly forwarded: string;
  readonly body: BodyFraming;
  /** Whether the client wants the connection kept (always true in HTTP/2). */
  readonly keepAlive: boolean;
  readonly expectContinue: boolean;
  /** TE: trailers was sent. */
  readonly acceptsTrailers: boolean;
  /** The request asks to go on as WebSocket (RFC 6455, RFC 8441); then it is a GET without a body. */
  readonly asksForWebSocket: boolean;
}

/** A response head of a server, checked. */
export interface ResponseHead {
  readonly version: '1.0' | '1.1' | '2';
  readonly status: number;
  /** Reason phrase, '' where there is none. */
  readonly reason: string;
  /** The end-to-end fields, each as `name: value\r\n`, latin1; without the framing and hop-by-hop fields and X-Request-Id. */
  readonly fieldLines: string;
  readonly body: BodyFraming;
  /** content-length of a response that has no body of its own (HEAD, 304), to be passed on; else undefined. */
  readonly declaredLength: number | undefined;
  /** Whether the server keeps the connection. */
  readonly keepAlive: boolean;
  /** How long it says that it does (Keep-Alive: timeout=…). */
  readonly keepAliveS?: number | undefined;
}

/** Whether nothing follows the head. */
export function isEmptyBody(body: BodyFraming): boolean {
  return body.kind === 'none' || (body.kind === 'length' && body.bytes === 0);
}
