// Fuzzed: the opening of tickets. Only a ticket that was sealed, byte for byte, opens, and it says what was sealed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { openTickets } from '../../../packages/service-engine/src/session-ticket/open-ticket.ts';
import { TicketKey } from '../../../packages/service-engine/src/session-ticket/ticket-key.ts';
import { type FuzzTarget, inBoundedTime } from '../fuzz-target.ts';

interface Vector {
  readonly ringKey: string;
  readonly virtualServiceUuid: string;
  readonly ticket: string;
  readonly mapping: {
    readonly tls13: boolean;
    readonly serverId: string;
    readonly issuedAtS: number;
  };
}

// Tickets under keys that are written down: a finding can be replayed.
const { vectors }: { readonly vectors: readonly Vector[] } = JSON.parse(
  readFileSync(new URL('../../../docs/test-vectors/server-mapping.json', import.meta.url), 'utf8'),
);

const keys = vectors.map(
  ({ ringKey, virtualServiceUuid }, index) =>
    new TicketKey(Buffer.from(ringKey, 'hex'), index === 0 ? 'current' : 'previous', virtualServiceUuid),
);
const ring = { newestFirst: keys };
const sealed = new Map(vectors.map((vector) => [vector.ticket, vector]));

export const sessionTicketTarget: FuzzTarget = {
  name: 'session-ticket',
  seeds: vectors.map(({ ticket }) => Buffer.from(ticket, 'hex')),
  mutations: [],
  check: (input) => {
    const vector = sealed.get(input.toString('hex'));
    const outcomes: string[] = [];
    for (const tls13 of [true, false]) {
      const nowS = vector?.mapping.issuedAtS ?? 0;
      const result = inBoundedTime(() => openTickets([input], tls13, ring, nowS, 86_400));
      const opens = vector !== undefined && vector.mapping.tls13 === tls13;
      assert.equal(result.kind === 'opened', opens, 'what opens was sealed');
      if (result.kind === 'opened' && vector !== undefined)
        assert.equal(result.mapping.serverId, Number.parseInt(vector.mapping.serverId, 16));
      outcomes.push(result.kind === 'not-opened' ? result.reason : result.kind);
    }
    return outcomes.join();
  },
};
