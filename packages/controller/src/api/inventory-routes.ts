// The inventory: objects as an overview shows them, configuration beside runtime and health.

import { LimpetError } from '@limpet/model';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';
import { type ApiAnswer, type ApiCall, type Caller, ok } from './api-call.ts';
import type { ApiServices } from './api-services.ts';
import { readCollectionQuery } from './collection-query.ts';
import { isVisible, refuseForeignType } from './object-access.ts';
import { answerObject } from './object-answer.ts';
import { objectOf, typeOf } from './object-routes.ts';
import { selectObjects } from './select-objects.ts';
import { shownRuntime } from './shown-runtime.ts';

/** Types that have one in Avi, as far as they are kept here. */
const TYPES: ReadonlySet<string> = new Set([
  'virtualservice',
  'pool',
  'serviceengine',
  'serviceenginegroup',
  'cloud',
]);

const INVENTORY = '-inventory';

export function isInventory(path: string | undefined): boolean {
  return path?.endsWith(INVENTORY) === true && TYPES.has(path.slice(0, -INVENTORY.length));
}

export class InventoryRoutes {
  readonly #services: ApiServices;

  constructor(services: ApiServices) {
    this.#services = services;
  }

  read(call: ApiCall, caller: Caller): ApiAnswer {
    if (call.method !== 'GET')
      throw new LimpetError('METHOD_NOT_ALLOWED', `Method '${call.method}' not allowed.`);
    const type = typeOf(call.params.type?.slice(0, -INVENTORY.length));
    refuseForeignType(caller, type, false);
    const { view } = this.#services.configuration;
    if (call.params.uuid !== undefined)
      return ok(this.#entry(call, caller, type, objectOf(view, type, call.params.uuid, caller), view));
    const query = readCollectionQuery(call.query);
    const objects = selectObjects(view, type, query, (object) => isVisible(caller, type, object, view));
    const from = (query.page - 1) * query.pageSize;
    const hasMore = from + query.pageSize < objects.length;
    const next = new URLSearchParams(call.query);
    next.set('page', String(query.page + 1));
    next.set('page_size', String(query.pageSize));
    return ok({
      count: objects.length,
      results: objects
        .slice(from, from + query.pageSize)
        .map((object) => this.#entry(call, caller, type, object, view)),
      ...(hasMore ? { next: `${call.origin}${call.path}?${next}` } : {}),
    });
  }

  #entry(
    call: ApiCall,
    caller: Caller,
    type: ReturnType<typeof typeOf>,
    object: ControllerObject,
    view: ObjectView,
  ): JsonObject {
    const config = answerObject(type, object, {
      ...readCollectionQuery(call.query),
      view,
      origin: call.origin,
      version: call.version,
      nowS: call.nowS,
    });
    const runtime = shownRuntime(this.#services.runtime, view, object, '', caller);
    const score = this.#services.runtime.healthScore(view, object);
    return {
      uuid: object.uuid,
      config,
      ...(runtime === undefined ? {} : { runtime }),
      ...(score === undefined ? {} : { health_score: { health_score: score } }),
      alert: { low: 0, medium: 0, high: 0 },
      metrics: {},
    };
  }
}
