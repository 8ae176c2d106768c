// Actions on objects, as `POST /api/virtualservice/<uuid>/rotatekeys`: which there are in Avi, and the interface of those that are served.

import type { ControllerObject } from '../config/object-view.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Actor } from '../store/object-store.ts';

export interface ActionRequest {
  readonly object: ControllerObject;
  readonly body: JsonObject;
  readonly actor: Actor;
}

/** @returns what is answered with 200. */
export type ObjectAction = (request: ActionRequest) => Promise<JsonValue>;

/** By type, then by name below the object's url, as `rotatekeys` or `runtime/stats/clear`. */
export type ObjectActions = Readonly<Record<string, Readonly<Record<string, ObjectAction>>>>;

/** Avi's; one of these that nobody serves is answered with 501, any other with 404. */
export const avisActions: Readonly<Record<string, readonly string[]>> = {
  VirtualService: [
    'scaleout',
    'scalein',
    'migrate',
    'switchover',
    'resync',
    'rotatekeys',
    'retryplacement',
    'clear',
  ],
  ServiceEngine: ['reboot', 'forcedelete', 'switchover'],
  ServiceEngineGroup: ['redistribute'],
  Pool: ['scaleout', 'scalein', 'runtime/stats/clear', 'runtime/request_queue/clear', 'persistence/clear'],
  SSLKeyAndCertificate: ['renew'],
};
