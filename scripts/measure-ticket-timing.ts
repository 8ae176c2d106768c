// How long opening a ticket takes, by what is wrong with it: the figures of docs/threat-model.md. On a machine that does nothing else.

import { createHmac, randomBytes } from 'node:crypto';
import { createRingKeys } from '@limpet/model';
import { createKeyRing } from '../packages/service-engine/src/session-ticket/key-ring.ts';
import { openTickets } from '../packages/service-engine/src/session-ticket/open-ticket.ts';
import { hasMappingVersion } from '../packages/service-engine/src/session-ticket/server-mapping.ts';
import { cryptoRandom, makeTicket } from '../packages/service-engine/src/session-ticket/test-ring.ts';

const ROUNDS = Number(process.argv[2] ?? 100_000);
const WARM_UP = 5000;
const NOW_S = 1_800_000_000;
const MAC_BYTES = 32;

const ring = createKeyRing(createRingKeys(cryptoRandom, NOW_S), 'virtualservice-1');
const genuine = makeTicket(ring.current, {
  tls13: true,
  serverId: 0xabcdef012345,
  issuedAtS: NOW_S,
  chainAgeS: 0,
  affinityKey: 1,
});

function altered(at: number): Buffer {
  const ticket = Buffer.from(genuine);
  ticket[at] = (ticket[at] as number) ^ 1;
  return ticket;
}

/** Of another key name: `mayBeOne` says whether it deciphers to the first byte of a mapping under a key of the ring. */
function ofAnotherName(mayBeOne: boolean): Buffer {
  for (;;) {
    const ticket = Buffer.from(genuine);
    randomBytes(16).copy(ticket);
    const seems = ring.newestFirst.some((key) =>
      hasMappingVersion(key.openBlock(ticket.subarray(0, 16), ticket.subarray(16, 32))),
    );
    if (seems === mayBeOne) return ticket;
  }
}

/** What only a holder of the key can make: a good MAC over a session whose padding is wrong. */
function withBadPadding(): Buffer {
  const ticket = altered(genuine.length - MAC_BYTES - 1);
  const signed = ticket.subarray(0, ticket.length - MAC_BYTES);
  createHmac('sha256', ring.current.hmacKey).update(signed).digest().copy(ticket, signed.length);
  return ticket;
}

const cases: readonly (readonly [name: string, ticket: Buffer])[] = [
  ['genuine', genuine],
  ['MAC wrong in its first byte', altered(genuine.length - MAC_BYTES)],
  ['MAC wrong in its last byte', altered(genuine.length - 1)],
  ['session wrong in its first byte', altered(32)],
  ['session wrong in its last byte', altered(genuine.length - MAC_BYTES - 1)],
  ['good MAC, wrong padding', withBadPadding()],
  ['key name of nobody', ofAnotherName(false)],
  ['key name of nobody that looks like one', ofAnotherName(true)],
];

const times = cases.map(() => new Float64Array(ROUNDS));
const tickets = cases.map(([, ticket]) => [ticket]);
const order = cases.map((_, index) => index);
for (let round = -WARM_UP; round < ROUNDS; round++) {
  // Another order each round, so that what one leaves in the caches favours none.
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(cryptoRandom.fraction() * (at + 1));
    [order[at], order[other]] = [order[other] as number, order[at] as number];
  }
  for (const index of order) {
    const start = process.hrtime.bigint();
    openTickets(tickets[index] as Buffer[], true, ring, NOW_S, 3600);
    const took = Number(process.hrtime.bigint() - start);
    if (round >= 0) (times[index] as Float64Array)[round] = took / 1000;
  }
}

const width = Math.max(...cases.map(([name]) => name.length));
process.stdout.write(
  `${ROUNDS} rounds, µs\n${'ticket'.padEnd(width)}  median   p90  mean of the fastest 90 %  ± 95 %\n`,
);
for (const [index, [name]] of cases.entries()) {
  const sorted = (times[index] as Float64Array).sort();
  const at = (share: number): string => (sorted[Math.floor(share * ROUNDS)] as number).toFixed(2);
  // The slowest tenth is the garbage collector and the machine.
  const kept = sorted.subarray(0, Math.floor(ROUNDS * 0.9));
  const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length;
  const variance = kept.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (kept.length - 1);
  const half = 1.96 * Math.sqrt(variance / kept.length);
  process.stdout.write(
    `${name.padEnd(width)}  ${at(0.5).padStart(6)} ${at(0.9).padStart(5)}  ${mean.toFixed(3).padStart(23)}  ${half.toFixed(3).padStart(6)}\n`,
  );
}
