// The disturbances of a soak: what an operator and the world do to engines and servers while clients go on.

import { setTimeout as elapse } from 'node:timers/promises';
import { type DemoConfigurationOptions, type DemoServer, startDemoServer } from '@limpet/testkit';
import type { SeededRandom } from '../fuzz/seeded-random.ts';
import { cookieProfile } from '../support/cookie-client.ts';
import { type Engine, eventually, type Fleet } from '../support/engine.ts';
import type { Outcomes } from './outcomes.ts';

export interface SoakBed {
  readonly fleet: Fleet;
  readonly engines: readonly Engine[];
  /** The one that is there now at each place: a killed one comes back as another on the same port. */
  readonly servers: DemoServer[];
  configuration(changes: Partial<DemoConfigurationOptions>): unknown;
}

const TLS = { persistence_type: 'PERSISTENCE_TYPE_TLS' };
const DOWN_MS = 3000;

/** One disturbance after another, never two servers at a time, until the signal; then everything is as it was. */
export async function disturb(
  bed: SoakBed,
  random: SeededRandom,
  outcomes: Outcomes,
  everyMs: number,
  signal: AbortSignal,
): Promise<Record<string, number>> {
  const { fleet, engines, servers } = bed;
  const counts: Record<string, number> = {};
  const reload = async (changes: Partial<DemoConfigurationOptions>): Promise<void> => {
    const text = JSON.stringify(bed.configuration(changes));
    await Promise.all(
      engines.map(async (engine) => {
        const { version } = (await engine.runtime()).config;
        engine.replaceConfiguration(text);
        await eventually(async () => (await engine.runtime()).config.version > version, 'the reload');
      }),
    );
  };
  const at = () => random.below(servers.length);
  const listed = () => servers.map(({ name, port }) => ({ name, port }));
  const acts: Readonly<Record<string, () => Promise<void>>> = {
    reload: async () => {
      await reload({ servers: listed().map((server) => ({ ...server, ratio: 1 + random.below(5) })) });
      await reload({});
    },
    'change of method': async () => {
      await reload({ persistenceProfile: cookieProfile('SOAK') });
      await elapse(DOWN_MS);
      await reload({ persistenceProfile: TLS });
    },
    'disabled server': async () => {
      const index = at();
      await reload({ servers: listed().map((server, each) => ({ ...server, enabled: each !== index })) });
      await elapse(DOWN_MS);
      await reload({});
    },
    'removed server': async () => {
      const index = at();
      await reload({ servers: listed().filter((_, each) => each !== index) });
      await elapse(DOWN_MS);
      await reload({});
    },
    rotation: async () => {
      const { code, stderr } = await fleet.limpet('keys', 'rotate', fleet.ringFile, '--force');
      if (code !== 0) throw new Error(stderr);
    },
    'failing health': async () => {
      const server = servers[at()] as DemoServer;
      server.setHealthy(false);
      await elapse(2 * DOWN_MS);
      server.setHealthy(true);
      await elapse(DOWN_MS);
    },
    'killed server': async () => {
      const index = at();
      const { name, port, stop } = servers[index] as DemoServer;
      outcomes.serverKilled();
      await stop();
      await elapse(DOWN_MS);
      servers[index] = await startDemoServer({ name, port });
      await elapse(DOWN_MS);
      outcomes.serverBack();
    },
  };
  const names = Object.keys(acts);
  for (let turn = 0; !signal.aborted; turn++) {
    // Each once before any comes again, so that a short run sees most of them.
    const name =
      turn < names.length ? (names[turn] as string) : (names[random.below(names.length)] as string);
    await acts[name]?.();
    counts[name] = (counts[name] ?? 0) + 1;
    await elapse(everyMs / 2 + random.below(everyMs), undefined, { signal }).catch(() => {});
  }
  return counts;
}
