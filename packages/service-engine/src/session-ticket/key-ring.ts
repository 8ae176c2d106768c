// The ring of keys of one virtual service, for tickets and for cookies: next, current, previous; and the secret that client keys are made under.

import { createSecretKey, hkdfSync } from 'node:crypto';
import type { RingKeys } from '@limpet/model';
import { CookieKey } from './cookie-key.ts';
import { TicketKey } from './ticket-key.ts';

export interface KeyRing {
  /** Seals every new ticket. */
  readonly current: TicketKey;
  /** Every key, newest first (`next` included): the order in which a ticket is tried. */
  readonly newestFirst: readonly TicketKey[];
  /** Seals every new cookie. */
  readonly currentCookieKey: CookieKey;
  /** The cookie keys, in the same order. */
  readonly cookieKeys: readonly CookieKey[];
  /** 32 bytes that outlive key rotation; all engines of the fleet hold the same. */
  readonly affinitySecret: Buffer;
  /** Of the text that it came from; empty where that does not matter. */
  readonly digest: string;
}

/** Derives the ring of a virtual service. Keys of other virtual services from the same file have nothing in common with it. */
export function createKeyRing(keys: RingKeys, virtualServiceUuid: string, digest = ''): KeyRing {
  const next = createSecretKey(keys.next.key);
  const now = createSecretKey(keys.current.key);
  const former = keys.previous.map(({ key }) => createSecretKey(key));
  const current = new TicketKey(now, 'current', virtualServiceUuid);
  const currentCookieKey = new CookieKey(now, 'current', virtualServiceUuid);
  return Object.freeze({
    current,
    newestFirst: Object.freeze([
      new TicketKey(next, 'next', virtualServiceUuid),
      current,
      ...former.map((key) => new TicketKey(key, 'previous', virtualServiceUuid)),
    ]),
    currentCookieKey,
    digest,
    cookieKeys: Object.freeze([
      new CookieKey(next, 'next', virtualServiceUuid),
      currentCookieKey,
      ...former.map((key) => new CookieKey(key, 'previous', virtualServiceUuid)),
    ]),
    affinitySecret: Buffer.from(
      hkdfSync(
        'sha256',
        keys.affinitySecret,
        'limpet affinity',
        `limpet-affinity|1|${virtualServiceUuid}`,
        32,
      ),
    ),
  });
}

/** Wipes the working keys of a ring that no connection can need any more. */
export function destroyKeyRing(ring: KeyRing): void {
  for (const key of ring.newestFirst) key.destroy();
  ring.affinitySecret.fill(0);
}
