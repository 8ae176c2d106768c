// A soak: two engines under mixed traffic and disturbances, and what must hold while they go on and once all clients have left.

import { setTimeout as elapse } from 'node:timers/promises';
import { SeededRandom } from '../fuzz/seeded-random.ts';
import { createFleet, type Engine } from '../support/engine.ts';
import { disturb, type SoakBed } from './disturbances.ts';
import { type Cause, type Judged, Outcomes } from './outcomes.ts';
import { soakConfiguration, virtualServices } from './soak-configuration.ts';
import { type SentOnce, startSoakServer } from './soak-server.ts';
import { lanes } from './traffic.ts';
import { type Growth, growthOf, readVitals, type Vitals } from './vitals.ts';

export interface SoakOptions {
  readonly durationMs: number;
  readonly seed: number;
  /** Lanes of each kind of client. */
  readonly scale: number;
  readonly print: (line: string) => void;
}

export interface SoakSummary {
  readonly seed: number;
  readonly durationMs: number;
  readonly outcomes: Omit<Judged, 'causes'>;
  readonly answeredByKind: Readonly<Record<string, number>>;
  readonly disturbances: Readonly<Record<string, number>>;
  readonly engines: readonly {
    readonly before: Vitals;
    readonly after: Vitals;
    /** Absent where the run was too short to tell. */
    readonly growth?: { readonly rss: Growth; readonly heap: Growth };
  }[];
  /** What did not hold; empty is good. */
  readonly failures: readonly string[];
}

const SERVERS = 4;
/** Of each engine, with as many workers as the machine has processors. */
const MEMORY_LIMIT_MIB = 512;
/** Growth is judged from here on: compiled code, pools and caches fill first. */
const WARM_UP_SHARE = 0.35;
/** In a shorter run one garbage collection more or less decides. */
const GROWTH_JUDGED_FROM_MS = 4 * 60_000;
/** Descriptors that come and go by themselves: the log, a probe, a scrape. */
const DESCRIPTOR_SLACK = 4;
const SETTLE_MS = 30_000;

export async function runSoak({ durationMs, seed, scale, print }: SoakOptions): Promise<SoakSummary> {
  const fleet = await createFleet();
  const { certificate } = fleet;
  const sentOnce: SentOnce = { seen: new Set(), twice: [] };
  const servers = await Promise.all(
    Array.from({ length: SERVERS }, (_, index) => startSoakServer(`web-${index + 1}`, certificate, sentOnce)),
  );
  try {
    const limits = ['--memory-limit', `${MEMORY_LIMIT_MIB}M`];
    const engines = await Promise.all(
      [0, 1].map(() => fleet.startEngine(soakConfiguration(certificate, servers), limits)),
    );
    const stopping = new AbortController();
    const outcomes = new Outcomes();
    const before = await Promise.all(engines.map((engine) => atRest(engine)));
    const samples: Vitals[][] = engines.map(() => []);
    const startedAtMs = performance.now();
    const services = virtualServices.map((name) => engines.map((engine) => engine.portOf(name)));
    const clients = Array.from({ length: scale }, () => lanes)
      .flat()
      .map((lane, index) =>
        lane({ services, outcomes, signal: stopping.signal, random: new SeededRandom(seed * 1000 + index) }),
      );
    const everyMs = Math.min(10_000, durationMs / 20);
    const bed: SoakBed = {
      ...{ fleet, engines, servers },
      restart: (server) => startSoakServer(server.name, certificate, sentOnce, server),
      configuration: (changes) => soakConfiguration(certificate, servers, changes),
    };
    const disturbing = disturb(bed, new SeededRandom(seed), outcomes, everyMs, stopping.signal);
    const sampleMs = Math.max(1000, durationMs / 120);
    let failure: string | undefined;
    const disturbances = disturbing.catch((error: unknown) => {
      failure = String(error);
      stopping.abort();
      return {};
    });
    await watch(engines, samples, outcomes, startedAtMs + durationMs, sampleMs, stopping.signal, print);
    stopping.abort();
    await Promise.all([...clients, disturbances]);
    const after = await Promise.all(engines.map((engine, index) => atRest(engine, before[index])));
    const measured = engines.map((_, index) => {
      const all = samples[index] as Vitals[];
      const warm = all.slice(Math.floor(all.length * WARM_UP_SHARE));
      return {
        before: before[index] as Vitals,
        after: after[index] as Vitals,
        ...(durationMs < GROWTH_JUDGED_FROM_MS
          ? {}
          : { growth: { rss: growthOf(warm, 'rssBytes'), heap: growthOf(warm, 'heapBytes') } }),
      };
    });
    await Promise.all(engines.map((engine) => engine.stop()));
    const { causes, ...judged } = await outcomes.judge(engines.map(({ logFile }) => logFile));
    const failures = [
      ...(failure === undefined ? [] : [`a disturbance failed: ${failure}`]),
      ...causes.map((cause) => tellCause(cause, startedAtMs)),
      ...(judged.lost === countOf(causes)
        ? []
        : [`lost: ${judged.lost - countOf(causes)} more than are looked at`]),
      ...sentOnce.twice.slice(0, 5).map((path) => `sent twice: POST ${path}`),
      ...measured.flatMap(leaksOf),
      ...engines.flatMap(({ process }, index) => complaintsOf(process.stderr(), index)),
    ];
    return {
      ...{ seed, durationMs, outcomes: judged, answeredByKind: outcomes.byKind },
      ...{ disturbances: await disturbances, engines: measured, failures },
    };
  } finally {
    await fleet.stop();
    await Promise.all(servers.map((server) => server.kill()));
  }
}

function countOf(causes: readonly Cause[]): number {
  return causes.reduce((sum, { count }) => sum + count, 0);
}

function tellCause({ what, count, at, spanMs, examples }: Cause, startedAtMs: number): string {
  const places = Object.entries(at).map(([place, times]) => `${place} ${times}`);
  const [fromS, toS] = spanMs.map((ms) => Math.round((ms - startedAtMs) / 1000));
  return `lost: ${count} of ${what} (${places.join(', ')}; ${fromS} to ${toS} s):\n  ${examples.join('\n  ')}`;
}

/** Samples and prints until the end, or the signal. */
async function watch(
  engines: readonly Engine[],
  samples: Vitals[][],
  outcomes: Outcomes,
  endMs: number,
  sampleMs: number,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<void> {
  const startMs = performance.now();
  while (performance.now() < endMs && !signal.aborted) {
    await elapse(Math.min(sampleMs, endMs - performance.now()));
    const vitals = await Promise.all(engines.map((engine) => readVitals(engine)));
    for (const [index, sample] of vitals.entries()) samples[index]?.push(sample);
    const { answered, aborted, failed } = outcomes.soFar;
    const told = vitals.map(
      ({ rssBytes, heapBytes, descriptors, deadlines, openConnections }) =>
        `rss ${megabytes(rssBytes)} heap ${megabytes(heapBytes)} MB fd ${descriptors} deadlines ${deadlines} open ${openConnections}`,
    );
    print(
      `${Math.round((performance.now() - startMs) / 1000)} s: ${answered} answered, ${aborted} aborted, ${failed} failed, to be judged | ${told.join(' | ')}`,
    );
  }
}

/** The vitals once nothing is under way: idle upstream connections are closed, deadlines gone; or what they are when that does not come. */
async function atRest(engine: Engine, before?: Vitals): Promise<Vitals> {
  const endMs = performance.now() + SETTLE_MS;
  for (;;) {
    const vitals = await readVitals(engine);
    const heapIsKnown = vitals.heapBytes > 0;
    const quiet = before === undefined ? heapIsKnown : leaksOf({ before, after: vitals }).length === 0;
    if (quiet || performance.now() > endMs) return vitals;
    await elapse(250);
  }
}

function leaksOf({ before, after, growth }: SoakSummary['engines'][number]): readonly string[] {
  const leaks: string[] = [];
  const hold = (holds: boolean, what: string): void => {
    if (!holds) leaks.push(what);
  };
  hold(after.openConnections === 0, `${after.openConnections} connections counted as open`);
  hold(after.placedConnections === 0, `${after.placedConnections} connections counted at servers`);
  hold(after.activeRequests === 0, `${after.activeRequests} requests counted as active`);
  hold(after.queuedRequests === 0, `${after.queuedRequests} requests counted as waiting`);
  hold(
    after.peakRssBytes <= MEMORY_LIMIT_MIB * 2 ** 20,
    `${megabytes(after.peakRssBytes)} MB at the most; the limit is ${MEMORY_LIMIT_MIB} MiB`,
  );
  hold(
    after.deadlines <= before.deadlines,
    `${after.deadlines} deadlines wait; ${before.deadlines} at first`,
  );
  hold(
    after.descriptors <= before.descriptors + DESCRIPTOR_SLACK,
    `${after.descriptors} descriptors; ${before.descriptors} at first`,
  );
  for (const [what, grown] of Object.entries(growth ?? {})) {
    const { bytes, allowedBytes, meanBytes } = grown;
    hold(
      bytes <= allowedBytes,
      `${what} grows by ${megabytes(bytes)} MB at ${megabytes(meanBytes)}; ${megabytes(allowedBytes)} are noise`,
    );
  }
  return leaks;
}

/** Exceptions, lost workers and whatever else the engine has called an error. */
function complaintsOf(stderr: string, index: number): readonly string[] {
  return stderr
    .split('\n')
    .filter((line) => /"level":[56]0/.test(line))
    .slice(0, 5)
    .map((line) => `engine ${index}: ${line.slice(0, 500)}`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
