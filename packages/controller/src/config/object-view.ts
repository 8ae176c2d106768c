// The view: all objects of the Controller at one revision, immutable, with the indexes that API and configuration flow ask.

import type { JsonObject } from '../json.ts';

/** An object with its secrets open, in memory only. */
export interface ControllerObject {
  /** Avi's name of the type: `Pool`. */
  readonly type: string;
  /** `pool-<uuid4>`; for a singleton its type. */
  readonly uuid: string;
  readonly tenantUuid: string;
  /** Empty for a singleton. */
  readonly name: string;
  /** As it was given, without defaults; every reference as `/api/<type>/<uuid>`; no secret in it, no `url`, `uuid`, `_last_modified`. */
  readonly body: JsonObject;
  /** By path in the body, as `key` of SSLKeyAndCertificate. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly lastModifiedUs: number;
}

export interface ObjectView {
  readonly revision: number;
  get(type: string, uuid: string): ControllerObject | undefined;
  /** Names are unique in a tenant and type. */
  find(type: string, tenantUuid: string, name: string): ControllerObject | undefined;
  /** In order of creation. */
  list(type: string): readonly ControllerObject[];
  /** Who refers to the object. */
  referrers(type: string, uuid: string): readonly ControllerObject[];
  /** To whom the object refers. */
  referred(object: ControllerObject): readonly ControllerObject[];
}
