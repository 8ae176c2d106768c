// The rule for first connections: the ticketless connections of one client reach one server, and a crowd behind one address does not.

import { belowItsShare } from './bounded-load.ts';
import { type ClientFingerprint, clientKeyOf } from './client-key.ts';
import type { CrowdCounter } from './crowd-counter.ts';
import { NO_SERVER, type Picker, type PickState } from './picker.ts';
import type { Rendezvous } from './rendezvous.ts';

/** Ticketless connections of one key within 10 s that one client may make: browsers open up to six. */
export const FIRST_CONNECTIONS = 6;
/** A crowd goes on to the next server of its order this often. */
const CROWD_STEP_MS = 1000;

export interface FirstConnection extends PickState {
  readonly clientIp: string;
  /** Absent where there is no TLS. */
  readonly fingerprint: ClientFingerprint | undefined;
  readonly secret: Buffer;
  readonly nowMs: number;
  readonly ratios: readonly number[];
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
 *
 * An algorithm that goes by a key is itself such a rule, and the operator's own: then its key takes the place of the client key, also in the ticket.
 */
export function selectFirstServer(ask: FirstConnection): FirstChoice {
  const allowed = ask.firstConnections ?? FIRST_CONNECTIONS;
  // No more bound to a share than the connection with the ticket: it is the same client.
  const follows = allowed > 0 && ask.companion !== NO_SERVER && ask.eligible(ask.companion);
  if (ask.picker.byKey) {
    if (follows) return { index: ask.companion, why: 'companion', affinityKey: ask.key };
    return { index: ask.picker.pick(ask), why: 'algorithm', affinityKey: ask.key };
  }
  const { affinityKey, crowdHash } = clientKeyOf(ask.secret, ask.clientIp, ask.fingerprint);
  if (follows) return { index: ask.companion, why: 'companion', affinityKey };
  if (allowed > 0) {
    const seen = ask.crowdCounter.observe(crowdHash, ask.nowMs);
    const position = seen <= allowed ? 0 : Math.floor(ask.nowMs / CROWD_STEP_MS);
    const usable = belowItsShare(ask, ask.picker, ask.ratios, allowed);
    const index = ask.rendezvous.pick(affinityKey, position, usable, ask.share);
    if (index !== NO_SERVER) {
      ask.picker.note(index);
      return { index, why: 'affinity', affinityKey };
    }
  }
  return { index: ask.picker.pick(ask), why: 'algorithm', affinityKey };
}
