// What one client connection remembers of persistence cookies: the last that was opened, where requests without one go, what was given.

import { COMPANION_WITHIN_MS } from '../load-balancing/ticket-trail.ts';
import {
  type CookieResult,
  type CookieTerms,
  httpCookie,
  isCookieExpired,
} from '../persistence/http-cookie.ts';
import { findServer, isRelieved, type ServerOfPool } from '../pool/backup-pools.ts';
import { canTake } from '../pool/eligibility.ts';
import type { Placement } from '../pool/placement.ts';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import type { ConnectionSelection } from '../pool/select-for-connection.ts';
import { isServerSuspect } from '../pool/server-runtime.ts';
import type { KeyRing } from '../session-ticket/key-ring.ts';
import { NO_SERVER_ID } from '../session-ticket/server-mapping.ts';

/** Nothing in it is needed by the client's next connection. */
export class ConnectionCookies {
  #shown = '';
  #shownTo: { readonly ring: KeyRing; readonly poolUuid: string } | undefined;
  #opened: CookieResult | undefined;
  #home: Placement | undefined;
  #homeUntilMs = 0;
  /** The server that the last cookie on this connection named. */
  givenServerId = NO_SERVER_ID;

  /** Opens what is shown; the cookie that came last time is not deciphered again. */
  open(values: readonly string[], terms: CookieTerms, ring: KeyRing, nowS: number): CookieResult {
    const [only] = values;
    const { poolUuid, timeoutS } = terms;
    if (
      values.length === 1 &&
      only === this.#shown &&
      this.#shownTo?.ring === ring &&
      this.#shownTo.poolUuid === poolUuid &&
      this.#opened?.kind === 'opened' &&
      !isCookieExpired(this.#opened.mapping, timeoutS, nowS)
    )
      return this.#opened;
    const result = httpCookie.decide(values, terms, ring, nowS);
    if (values.length === 1 && only !== undefined && result.kind === 'opened') {
      this.#shown = only;
      this.#shownTo = { ring, poolUuid };
      this.#opened = result;
    }
    return result;
  }

  /**
   * Where a request without a cookie goes: with the one before it, if that is less than a second ago (a client sends many at once before it is given
   * a cookie), else by the rule for first connections. A connection on which many clients come, as from a proxy, is so balanced every second. One that
   * belonged to a server before its profile's type was changed stays there, and its client is given the cookie of it.
   */
  homeOf(pool: PoolRuntime, current: Placement, selectAnew: () => ConnectionSelection): ConnectionSelection {
    const nowMs = pool.clock.monotonicMs();
    const known = this.#home === undefined ? current : nowMs < this.#homeUntilMs ? this.#home : undefined;
    const found = known?.server === undefined ? undefined : findServer(pool, known.server.id);
    if (known?.bound === true && found !== undefined && canStay(pool, found)) {
      if (this.#home === undefined) this.#homeUntilMs = nowMs + COMPANION_WITHIN_MS;
      this.#home = {
        ...known,
        server: found.server,
        why: 'connection',
        persistenceUsed: false,
        mayMove: true,
      };
      return { kind: 'place', placement: this.#home, persistence: 'none', expiring: false, significance: [] };
    }
    const selection = selectAnew();
    if (selection.kind === 'abort') return selection;
    // No entry names the server yet: in every recovery mode another will do.
    this.#home = { ...selection.placement, mayMove: true };
    this.#homeUntilMs = nowMs + COMPANION_WITHIN_MS;
    return { ...selection, placement: this.#home };
  }
}

function canStay(primary: PoolRuntime, { pool, server }: ServerOfPool): boolean {
  return canTake(pool, server) && !isServerSuspect(server, pool.clock) && !isRelieved(primary, pool);
}
