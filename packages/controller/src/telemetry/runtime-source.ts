// The interface through which the API learns what engines say of an object at this moment.

import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonValue } from '../json.ts';

export interface RuntimeSource {
  /**
   * What `GET /api/<type>/<uuid>/runtime[/<part>]` answers, joined from all engines, in Avi's form.
   * @param part `` for the plain one, else `detail`, `server`.
   * @returns undefined where the type has no such runtime.
   */
  runtime(view: ObjectView, object: ControllerObject, part: string): JsonValue;
  /** 0 to 100, for the inventory; undefined where nothing is known. */
  healthScore(view: ObjectView, object: ControllerObject): number | undefined;
}

/** Before any engine has been heard of. */
export const noRuntime: RuntimeSource = Object.freeze({
  runtime: () => undefined,
  healthScore: () => undefined,
});
