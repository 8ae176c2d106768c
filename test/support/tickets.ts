// Looking into tickets: what a session says, read with the ring of the fleet as an engine would.

import { readFileSync } from 'node:fs';
import { parseRingKeys } from '@limpet/model';
import { ticketOf } from '@limpet/testkit';
import { derivedUuid } from '../../packages/model/src/uuid.ts';
import { createKeyRing, type KeyRing } from '../../packages/service-engine/src/session-ticket/key-ring.ts';
import { openTickets } from '../../packages/service-engine/src/session-ticket/open-ticket.ts';
import type { ServerMapping } from '../../packages/service-engine/src/session-ticket/server-mapping.ts';

/** The ring of a virtual service as an engine derives it from the ring file. */
export function ringOf(ringFile: string, virtualServiceName = 'demo'): KeyRing {
  const uuid = derivedUuid('VirtualService', 'admin', virtualServiceName);
  return createKeyRing(parseRingKeys(readFileSync(ringFile, 'utf8')), uuid);
}

/** The mapping in the ticket of a session. */
export function mappingOf(session: Buffer, tls13: boolean, ring: KeyRing): ServerMapping {
  const nowS = Math.floor(Date.now() / 1000);
  const result = openTickets([ticketOf(session)], tls13, ring, nowS, 604_800);
  if (result.kind !== 'opened') throw new Error(`the ticket does not open: ${JSON.stringify(result)}`);
  return result.mapping;
}
