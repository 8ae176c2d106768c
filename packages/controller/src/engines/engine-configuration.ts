// What one engine is given: its part of the compiled configuration with the secrets that it names, and the rings of ticket keys of its virtual services.

import type { ConfigurationPublisher } from '../config/publisher.ts';

export type { EngineConfiguration } from '../config/publisher.ts';

/** Takes what engines shall have, and sees to it that they get it. Never waits for an engine, never throws for one. */
export interface Publisher extends ConfigurationPublisher {
  /** By the uuid of the virtual service, to engines that host it. The text is that of a ring file. */
  publishRings(rings: ReadonlyMap<string, string>): void;
}
