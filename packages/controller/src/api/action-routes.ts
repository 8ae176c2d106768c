// What stands below an object: its runtime, and the actions on it.

import { LimpetError } from '@limpet/model';
import { type ApiAnswer, type ApiCall, type Caller, ok } from './api-call.ts';
import type { ApiServices } from './api-services.ts';
import { refuseDryRun } from './collection-query.ts';
import { asJsonObject } from './json-body.ts';
import { refuseForeignObject, refuseForeignType } from './object-access.ts';
import { avisActions } from './object-actions.ts';
import { objectOf, typeOf } from './object-routes.ts';
import { shownRuntime } from './shown-runtime.ts';

export class ActionRoutes {
  readonly #services: ApiServices;

  constructor(services: ApiServices) {
    this.#services = services;
  }

  /** `GET /api/<type>/<uuid>/runtime`, `…/runtime/detail`, `…/runtime/server`. */
  read(call: ApiCall, caller: Caller): ApiAnswer {
    const type = typeOf(call.params.type);
    refuseForeignType(caller, type, false);
    const { view } = this.#services.configuration;
    const object = objectOf(view, type, call.params.uuid, caller);
    const [first, part = '', ...rest] = (call.params['*'] ?? '').split('/');
    const runtime =
      first === 'runtime' && rest.length === 0
        ? shownRuntime(this.#services.runtime, view, object, part, caller)
        : undefined;
    if (runtime === undefined) throw new LimpetError('OBJECT_NOT_FOUND', 'Not found.');
    return ok(runtime);
  }

  async act(call: ApiCall, caller: Caller): Promise<ApiAnswer> {
    refuseDryRun(call.query);
    const type = typeOf(call.params.type);
    const name = call.params['*'] ?? '';
    const actions = this.#services.actions[type.name] ?? {};
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined && avisActions[type.name]?.includes(name) !== true)
      throw new LimpetError('OBJECT_NOT_FOUND', 'Not found.');
    const object = objectOf(this.#services.configuration.view, type, call.params.uuid, caller);
    refuseForeignObject(caller, type, object);
    if (action === undefined) throw new LimpetError('ACTION_NOT_SERVED', name);
    const actor = { user: caller.user.name, address: call.address };
    const answer = (await action({ object, body: asJsonObject(call.body ?? {}), actor })) ?? {};
    this.#services.recordEvent('OBJECT_ACTION', {
      ...{ obj_type: type.name, obj_uuid: object.uuid, obj_name: object.name, action: name },
      ...{ user: actor.user, client_ip: actor.address },
    });
    return ok(answer);
  }
}
