// The disturbances of a soak: what an operator and the world do to engines and servers while clients go on.

import { setTimeout as elapse } from 'node:timers/promises';
import type { DemoConfigurationOptions } from '@limpet/testkit';
import type { SeededRandom } from '../fuzz/seeded-random.ts';
import { cookieProfile } from '../support/cookie-client.ts';
import { type Engine, eventually, type Fleet } from '../support/engine.ts';
import type { Outcomes } from './outcomes.ts';
import type { SoakServer } from './soak-server.ts';

export interface SoakBed {
  readonly fleet: Fleet;
  readonly engines: readonly Engine[];
  /** The one that is there now at each place: a killed one comes back as another on the same ports. */
  readonly servers: SoakServer[];
  restart(server: SoakServer): Promise<SoakServer>;
  configuration(changes: SoakChanges): unknown;
}

/** What may differ from the configuration at first. */
export interface SoakChanges {
  /** Of both pools, by their order. */
  readonly servers?: readonly ServerChange[];
  readonly persistenceProfile?: DemoConfigurationOptions['persistenceProfile'];
}

/** `absent`: it is not in the pools. */
export type ServerChange = { readonly ratio?: number; readonly enabled?: boolean } | 'absent';

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
  const reload = async (changes: SoakChanges): Promise<void> => {
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
  const changed = (index: number, change: ServerChange) => ({
    servers: servers.map((_, each) => (each === index ? change : {})),
  });
  const acts: Readonly<Record<string, () => Promise<void>>> = {
    reload: async () => {
      await reload({ servers: servers.map(() => ({ ratio: 1 + random.below(5) })) });
      await reload({});
    },
    'change of method': async () => {
      await reload({ persistenceProfile: cookieProfile('SOAK') });
      await elapse(DOWN_MS);
      await reload({});
    },
    'disabled server': async () => {
      await reload(changed(at(), { enabled: false }));
      await elapse(DOWN_MS);
      await reload({});
    },
    'removed server': async () => {
      await reload(changed(at(), 'absent'));
      await elapse(DOWN_MS);
      await reload({});
    },
    rotation: async () => {
      const { code, stderr } = await fleet.limpet('keys', 'rotate', fleet.ringFile, '--force');
      if (code !== 0) throw new Error(stderr);
    },
    'failing health': async () => {
      const server = servers[at()] as SoakServer;
      server.setHealthy(false);
      // Two checks have to find it.
      await elapse(4 * DOWN_MS);
      server.setHealthy(true);
      await elapse(DOWN_MS);
    },
    'killed server': async () => {
      const index = at();
      const server = servers[index] as SoakServer;
      outcomes.serverKilled(server.name);
      await server.kill();
      await elapse(DOWN_MS);
      servers[index] = await bed.restart(server);
      await elapse(DOWN_MS);
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
