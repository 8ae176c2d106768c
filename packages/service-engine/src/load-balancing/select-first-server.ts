// The rule for first connections: the ticketless connections of one client reach one server, and a crowd behind one address does not.

import type { ServerSnapshot } from '@limpet/model';
import { type ClientFingerprint, clientKeyOf } from './client-key.ts';
import type { CrowdCounter } from './crowd-counter.ts';
import { NO_SERVER, type Picker, type PickState } from './picker.ts';
import type { Rendezvous } from './rendezvous.ts';

/** Ticketless connections of one key within 10 s that one client may make: browsers open up to six. */
export const FIRST_CONNECTIONS = 6;
/** A crowd goes on to the next server of its order this often. */
const CROWD_STEP_MS = 1000;
/** How far above its share a server may be and still draw clients. */
const LOAD_FACTOR = 1.25;

export interface FirstConnection extends PickState {
  readonly clientIp: string;
  /** Absent where there is no TLS. */
  readonly fingerprint: ClientFingerprint | undefined;
  readonly secret: Buffer;
  readonly nowMs: number;
  readonly servers: readonly Pick<ServerSnapshot, 'ratio'>[];
  readonly picker: Picker;
  readonly rendezvous: Rendezvous;
  readonly crowdCounter: CrowdCounter;
  /** Where a connection that looks like this one was led by its ticket just now, or {@link NO_SERVER}. */
  readonly companion: number;
  /** 0 turns the rule off and leaves the algorithm alone. */
  readonly firstConnections?: number;
}

export interface FirstChoice {
  /** Or {@link NO_SERVER}. */
  readonly index: number;
  readonly why: 'companion' | 'affinity' | 'algorithm';
  readonly affinityKey: number;
}

/**
 * A connection that comes right after one that a ticket led to its server follows that one. Else the client key gives an order of servers, the same on every worker and engine; the first that is eligible and not above 1.25 times its weighted
 * share (plus a few) takes the connection. A crowd starts its order one place further every second. Where every server is above, the algorithm decides.
 */
export function selectFirstServer(ask: FirstConnection): FirstChoice {
  const { affinityKey, crowdHash } = clientKeyOf(ask.secret, ask.clientIp, ask.fingerprint);
  const allowed = ask.firstConnections ?? FIRST_CONNECTIONS;
  if (allowed > 0) {
    // No more bound to a share than the connection with the ticket: it is the same client.
    if (ask.companion !== NO_SERVER && ask.eligible(ask.companion))
      return { index: ask.companion, why: 'companion', affinityKey };
    const seen = ask.crowdCounter.observe(crowdHash, ask.nowMs);
    const position = seen <= allowed ? 0 : Math.floor(ask.nowMs / CROWD_STEP_MS);
    const index = ask.rendezvous.pick(affinityKey, position, belowItsShare(ask, allowed));
    if (index !== NO_SERVER) {
      ask.picker.note(index);
      return { index, why: 'affinity', affinityKey };
    }
  }
  return { index: ask.picker.pick(ask), why: 'algorithm', affinityKey };
}

function belowItsShare(ask: FirstConnection, slack: number): (index: number) => boolean {
  let load = 0;
  let ratios = 0;
  for (let index = 0; index < ask.servers.length; index++) {
    if (!ask.eligible(index)) continue;
    load += ask.picker.loadOf(index, ask);
    ratios += (ask.servers[index] as { ratio: number }).ratio;
  }
  return (index) => {
    if (!ask.eligible(index)) return false;
    const share = (load * (ask.servers[index] as { ratio: number }).ratio) / ratios;
    return ask.picker.loadOf(index, ask) <= LOAD_FACTOR * share + slack;
  };
}
