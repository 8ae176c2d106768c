// The interface of who brings configurations to engines, and what one engine is given.

import type { CompiledConfig } from '@limpet/model';

/** An engine's part of the compiled configuration, with the secrets that it names. */
export interface EngineConfiguration {
  /** Of the objects that it was compiled from. */
  readonly revision: number;
  readonly compiled: CompiledConfig;
}

/** Takes what engines shall have, and sees to it that they get it. Never waits for an engine, never throws for one. */
export interface ConfigurationPublisher {
  /** Engines that are not named keep what they have. */
  publish(configurations: ReadonlyMap<string, EngineConfiguration>): void;
}
