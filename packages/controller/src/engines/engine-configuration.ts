// What one engine is given: its part of the compiled configuration with the secrets that it names, and the rings of ticket keys of its virtual services.

import type { CompiledConfig } from '@limpet/model';

export interface EngineConfiguration {
  /** Of the objects that it was compiled from. */
  readonly revision: number;
  readonly compiled: CompiledConfig;
}

/** Takes what engines shall have, and sees to it that they get it. Never waits for an engine, never throws for one. */
export interface Publisher {
  /** Engines that are not named keep what they have. */
  publish(configurations: ReadonlyMap<string, EngineConfiguration>): void;
  /** By the uuid of the virtual service, to engines that host it. The text is that of a ring file. */
  publishRings(rings: ReadonlyMap<string, string>): void;
}
