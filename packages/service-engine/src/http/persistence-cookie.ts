// HTTP cookie persistence in the proxy: where the cookie of a request leads, and which cookie its answer gives the client.

import type { CookieMissReason, PersistenceCookieSnapshot, SignificanceCode } from '@limpet/model';
import { type CookieResult, type CookieTerms, sealCookie } from '../persistence/http-cookie.ts';
import { countSelection } from '../pool/count-selection.ts';
import { type ConnectionSelection, selectForClient } from '../pool/select-for-connection.ts';
import type { RequestChoice } from '../pool/select-for-request.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { takeCookies, withoutSetCookie } from './cookie-field.ts';
import type { RequestHead, ResponseHead } from './message.ts';
import type { HttpService, ProxiedConnection } from './proxied-connection.ts';

const metric = {
  received: metricOffset('limpet_cookies_received_total'),
  missing: metricOffset('limpet_cookies_missing_total'),
  issued: metricOffset('limpet_cookies_issued_total'),
  renewed: metricOffset('limpet_cookies_renewed_total'),
} as const;

const SIGNIFICANCE: Readonly<Record<CookieMissReason, SignificanceCode>> = {
  malformed: 'ADF_PERSISTENCE_COOKIE_INVALID',
  wrong_version: 'ADF_PERSISTENCE_COOKIE_VERSION_MISMATCH',
  unknown_key: 'ADF_COOKIE_ABSENT_FROM_KEYS_IN_PERSISTENCE_PROFILE',
  not_genuine: 'ADF_PERSISTENCE_COOKIE_INVALID',
  expired: 'ADF_PERSISTENCE_COOKIE_EXPIRED',
  too_many: 'ADF_PERSISTENCE_COOKIE_INVALID',
};

const IS_UNSHARED = /^cache-control:[^\r\n]*\b(?:private|no-store)\b/im;

/** One request and its persistence cookie. */
export class CookieVisit {
  /** As the server gets it: the cookie is between client and engine. */
  readonly head: RequestHead;
  readonly result: CookieResult;
  readonly selection: ConnectionSelection;
  readonly significance: readonly SignificanceCode[];
  readonly #connection: ProxiedConnection;
  readonly #service: HttpService;
  readonly #cookie: PersistenceCookieSnapshot;
  readonly #nowS: number;

  constructor(
    head: RequestHead,
    connection: ProxiedConnection,
    service: HttpService,
    cookie: PersistenceCookieSnapshot,
  ) {
    this.#connection = connection;
    this.#service = service;
    this.#cookie = cookie;
    this.#nowS = Math.floor(connection.services.clock.unixMs() / 1000);
    const { pool, ring, metrics } = service;
    const taken = takeCookies(head.fieldLines, cookie.name);
    this.head = taken.fieldLines === head.fieldLines ? head : { ...head, fieldLines: taken.fieldLines };
    const terms: CookieTerms = { poolUuid: pool.snapshot.uuid, timeoutS: cookie.timeoutS };
    this.result = connection.cookies.open(taken.values, terms, ring, this.#nowS);
    this.selection = this.#select();
    this.significance =
      this.result.kind === 'not-opened'
        ? [SIGNIFICANCE[this.result.reason], ...this.selection.significance]
        : this.selection.significance;
    metrics.add(this.result.kind === 'none' ? metric.missing : metric.received);
    if (this.result.kind === 'opened')
      metrics.add(metricOffset('limpet_cookies_opened_total', this.result.key.role));
    else if (this.result.kind === 'not-opened')
      metrics.add(metricOffset('limpet_cookies_not_opened_total', this.result.reason));
    countSelection(metrics, 'http_cookie', this.selection);
  }

  /** Notes where the request went in the end. */
  settle(choice: RequestChoice & { readonly kind: 'server' }): void {
    const { server, moved, why } = choice;
    const { selection } = this;
    if (selection.kind === 'abort') return;
    if (moved && selection.persistence === 'hit')
      countSelection(this.#service.metrics, 'http_cookie', { persistence: 'changed', failure: 'down' });
    if (this.#connection.placement.server?.id === server.id) return;
    const { placement } = selection;
    this.#connection.place(
      placement.server === server ? placement : { ...placement, server, why, persistenceUsed: false },
    );
  }

  /** The answer of a server as the client gets it: with a cookie, where it is due one, and without a cookie of that name of the server's own. */
  answer(head: ResponseHead, server: ServerRuntime): ResponseHead {
    const { name } = this.#cookie;
    const kept = withoutSetCookie(head.fieldLines, name);
    const added = this.#isDue(server) ? this.#issue(server, kept) : '';
    return added === '' && kept === head.fieldLines ? head : { ...head, fieldLines: kept + added };
  }

  #select(): ConnectionSelection {
    const { pool, ring } = this.#service;
    const { client, fingerprint, placement, cookies } = this.#connection;
    const selectBy = (mapping: (CookieResult & { kind: 'opened' })['mapping'] | undefined) =>
      selectForClient(pool, {
        mapping,
        bindConnection: true,
        clientIp: client.ip,
        clientPort: client.port,
        hello: fingerprint,
        affinitySecret: ring.affinitySecret,
      });
    return this.result.kind === 'opened'
      ? selectBy(this.result.mapping)
      : cookies.homeOf(pool, placement, () => selectBy(undefined));
  }

  #isDue(server: ServerRuntime): boolean {
    const { result, selection } = this;
    const { alwaysSend, timeoutS } = this.#cookie;
    if (result.kind === 'none') return alwaysSend || this.#connection.cookies.givenServerId !== server.id;
    if (result.kind === 'not-opened' || result.mapping.serverId !== server.id) return true;
    // An entry that has to expire is not renewed.
    if (selection.kind === 'place' && selection.expiring) return false;
    const ageS = this.#nowS - result.mapping.issuedAtS;
    const due = result.key.role === 'previous' || (timeoutS > 0 && ageS * 2 >= timeoutS);
    if (due) this.#service.metrics.add(metric.renewed);
    return due;
  }

  #issue(server: ServerRuntime, fieldLines: string): string {
    const { pool, ring, metrics } = this.#service;
    const { name, timeoutS, persistent, httpOnly } = this.#cookie;
    const { services, secure, cookies } = this.#connection;
    const { selection } = this;
    const mapping = {
      serverId: server.id,
      issuedAtS: this.#nowS,
      affinityKey: selection.kind === 'place' ? selection.placement.affinityKey : 0,
    };
    const value = sealCookie(mapping, pool.snapshot.uuid, ring.currentCookieKey, services.random);
    cookies.givenServerId = server.id;
    metrics.add(metric.issued);
    const attributes = [
      'Path=/',
      ...(persistent ? [`Max-Age=${timeoutS}`] : []),
      'SameSite=Lax',
      ...(secure ? ['Secure'] : []),
      ...(httpOnly ? ['HttpOnly'] : []),
    ].join('; ');
    // Out of a shared cache, one client's server would become everybody's (RFC 9111 §7.3).
    const unshared = IS_UNSHARED.test(fieldLines) ? '' : 'Cache-Control: private\r\n';
    return `Set-Cookie: ${name}=${value}; ${attributes}\r\n${unshared}`;
  }
}
