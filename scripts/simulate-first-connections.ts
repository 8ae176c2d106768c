// How well ticketless connections of one client agree on a server, and what that costs in balance: the engine's own rule in simulated time.
//
//   node scripts/with-pinned-node.mjs scripts/simulate-first-connections.ts

import { randomBytes } from 'node:crypto';
import { createPicker } from '../packages/service-engine/src/load-balancing/create-picker.ts';
import { CrowdCounter } from '../packages/service-engine/src/load-balancing/crowd-counter.ts';
import { NO_SERVER } from '../packages/service-engine/src/load-balancing/picker.ts';
import { createRendezvous } from '../packages/service-engine/src/load-balancing/rendezvous.ts';
import { selectFirstServer } from '../packages/service-engine/src/load-balancing/select-first-server.ts';

const ENGINES = 2;
const WORKERS = 2;
const CONNECTIONS_OF_A_CLIENT = 3;
/** A browser's first connections are made at once; what comes later has a ticket. */
const CLIENT_WITHIN_MS = 150;
const CONNECTION_LIFE_MS = 30_000;
const ROUNDS = 40;

interface Scenario {
  readonly name: string;
  readonly clients: number;
  readonly behindOneAddress: boolean;
  /** All clients arrive within this time. */
  readonly withinMs: number;
}

interface Connection {
  readonly atMs: number;
  readonly client: number;
}

interface Outcome {
  /** Share of clients whose connections all went to one server. */
  readonly agreed: number;
  /** Connections of the fullest server over its weighted share. */
  readonly fullest: number;
  readonly emptiest: number;
}

type Rule = 'affinity' | 'algorithm';
type Algorithm = 'round-robin' | 'least-connections';

function simulate(scenario: Scenario, ratios: readonly number[], algorithm: Algorithm, rule: Rule): Outcome {
  let nowMs = 1_000_000 + Math.random() * 100_000;
  const startMs = nowMs;
  const clock = { monotonicMs: () => nowMs, unixMs: () => nowMs };
  const random = { bytes: randomBytes, fraction: Math.random };
  const secret = randomBytes(32);
  const servers = ratios.map((ratio) => ({ id: randomBytes(6).toString('hex'), ratio }));
  const rendezvous = createRendezvous(servers);
  const engines = Array.from({ length: ENGINES }, () => ({
    crowdCounter: new CrowdCounter(CrowdCounter.allocate()),
    placed: new Int32Array(ratios.length),
    pickers: Array.from({ length: WORKERS }, () =>
      createPicker(algorithm, servers, { clock, random, rendezvous }),
    ),
  }));

  const arrivals: Connection[] = [];
  for (let client = 0; client < scenario.clients; client++) {
    const firstMs = startMs + Math.random() * scenario.withinMs;
    for (let turn = 0; turn < CONNECTIONS_OF_A_CLIENT; turn++)
      arrivals.push({ atMs: turn === 0 ? firstMs : firstMs + Math.random() * CLIENT_WITHIN_MS, client });
  }
  arrivals.sort((a, b) => a.atMs - b.atMs);
  const ends: { readonly atMs: number; readonly placed: Int32Array; readonly index: number }[] = [];
  let ended = 0;
  const serversOf = Array.from({ length: scenario.clients }, () => new Set<number>());
  const counts = new Array<number>(ratios.length).fill(0);

  for (const { atMs, client } of arrivals) {
    nowMs = atMs;
    for (; ended < ends.length && ends[ended]!.atMs <= nowMs; ended++) {
      const { placed, index } = ends[ended]!;
      placed[index] = (placed[index] as number) - 1;
    }
    const engine = engines[Math.floor(Math.random() * ENGINES)]!;
    const picker = engine.pickers[Math.floor(Math.random() * WORKERS)]!;
    const address = scenario.behindOneAddress
      ? '192.0.2.1'
      : `10.${client >> 16}.${(client >> 8) & 255}.${client & 255}`;
    const { index } = selectFirstServer({
      clientIp: address,
      fingerprint: undefined,
      secret,
      nowMs,
      ratios,
      picker,
      rendezvous,
      crowdCounter: engine.crowdCounter,
      companion: NO_SERVER,
      eligible: () => true,
      load: (at) => engine.placed[at] as number,
      share: () => 1,
      responseMs: () => 0,
      key: 0,
      ...(rule === 'algorithm' ? { firstConnections: 0 } : {}),
    });
    engine.placed[index] = (engine.placed[index] as number) + 1;
    ends.push({ atMs: nowMs + CONNECTION_LIFE_MS, placed: engine.placed, index });
    serversOf[client]!.add(index);
    counts[index] = (counts[index] as number) + 1;
  }
  const total = ratios.reduce((sum, ratio) => sum + ratio, 0);
  const overShare = counts.map(
    (count, index) => count / ((arrivals.length * (ratios[index] as number)) / total),
  );
  return {
    agreed: serversOf.filter((set) => set.size === 1).length / scenario.clients,
    fullest: Math.max(...overShare),
    emptiest: Math.min(...overShare),
  };
}

const scenarios: readonly Scenario[] = [
  { name: '1000 clients, own addresses, in 60 s', clients: 1000, behindOneAddress: false, withinMs: 60_000 },
  { name: '50 clients, own addresses, in 10 s', clients: 50, behindOneAddress: false, withinMs: 10_000 },
  { name: '200 clients behind one address, in 60 s', clients: 200, behindOneAddress: true, withinMs: 60_000 },
  { name: '200 clients behind one address, in 10 s', clients: 200, behindOneAddress: true, withinMs: 10_000 },
  { name: '200 clients behind one address, in 1 s', clients: 200, behindOneAddress: true, withinMs: 1000 },
  {
    name: '5000 clients behind one address, in 60 s',
    clients: 5000,
    behindOneAddress: true,
    withinMs: 60_000,
  },
];
const pools: readonly (readonly number[])[] = [
  [1, 1, 1],
  [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  [3, 1, 1],
];

console.log(
  '| clients | servers | algorithm | agreed | fullest | emptiest | agreed by the algorithm alone |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const scenario of scenarios) {
  for (const ratios of pools) {
    for (const algorithm of ['round-robin', 'least-connections'] as const) {
      const rounds = Math.min(ROUNDS, Math.ceil(40_000 / scenario.clients));
      const outcomes = Array.from({ length: rounds }, () =>
        simulate(scenario, ratios, algorithm, 'affinity'),
      );
      const alone = Array.from({ length: rounds }, () => simulate(scenario, ratios, algorithm, 'algorithm'));
      const cells = [
        scenario.name,
        ratios.length > 5 ? `${ratios.length} equal` : ratios.join(':'),
        algorithm,
        percent(outcomes),
        mean(outcomes, 'fullest').toFixed(2),
        mean(outcomes, 'emptiest').toFixed(2),
        percent(alone),
      ];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
}

function percent(outcomes: readonly Outcome[]): string {
  return `${(100 * mean(outcomes, 'agreed')).toFixed(1)} %`;
}

function mean(outcomes: readonly Outcome[], of: keyof Outcome): number {
  return outcomes.reduce((sum, outcome) => sum + outcome[of], 0) / outcomes.length;
}
