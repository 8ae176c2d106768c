// What the API knows of a type of objects beside its schema: where it is found, what in it refers to others, what in it is secret.

import type { z } from 'zod';

export interface ApiType {
  /** Avi's name: `VirtualService`. */
  readonly name: string;
  /** Its place below /api: `virtualservice`. */
  readonly path: string;
  /** One object without uuid in its url: SystemConfiguration, Cluster, ControllerProperties. */
  readonly singleton: boolean;
  /** Fields with their ranges and defaults; unknown ones pass. */
  readonly schema: z.ZodType;
  /** Avi's name of the message type of what is nested, by path: `{'servers[]': 'Server'}`. */
  readonly nested: Readonly<Record<string, string>>;
  /** Fields that refer, by path with `[]` for lists, with the type that they refer to: `{'health_monitor_refs[]': 'HealthMonitor'}`. */
  readonly references: Readonly<Record<string, string>>;
  /** Paths of fields that are sealed and never answered: `key`, `key_passphrase`. */
  readonly secrets: readonly string[];
  /** By the path of a list, the fields below an element that make it the same one for PATCH: `{servers: ['ip.addr', 'port']}`. */
  readonly listKeys: Readonly<Record<string, readonly string[]>>;
  /** Fields that a client may send back and that are the Controller's to say. */
  readonly readOnly: readonly string[];
  /** Fields of Avi's that are kept and given back, and have no effect here. */
  readonly withoutEffect: readonly string[];
}
