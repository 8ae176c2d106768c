// The runtime of an object as a caller may see it: an engine serves all tenants, and what it tells of the objects of others is not for everybody.

import { type ApiType, apiTypeByName } from '@limpet/model';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { RuntimeSource } from '../telemetry/runtime-source.ts';
import type { Caller } from './api-call.ts';
import { isJsonObject } from './json-body.ts';
import { isVisible } from './object-access.ts';

/** @returns undefined where there is none. */
export function shownRuntime(
  source: Pick<RuntimeSource, 'runtime'>,
  view: ObjectView,
  object: ControllerObject,
  part: string,
  caller: Caller,
): JsonValue {
  const runtime = source.runtime(view, object, part);
  if (caller.user.isSuperuser || !isJsonObject(runtime)) return runtime;
  switch (object.type) {
    case 'ServiceEngine': {
      // Why it refused a configuration names objects, too.
      const { configuration: _, virtual_services, ...others } = runtime;
      const seen = listOf(virtual_services).filter((one) => isOwn(one, view, caller));
      return { ...others, oper_status: stateOf(others.oper_status), virtual_services: seen };
    }
    case 'VirtualService': {
      const engines = listOf(runtime.service_engine).map((one) =>
        isJsonObject(one) ? { ...one, oper_status: stateOf(one.oper_status) } : one,
      );
      return { ...runtime, service_engine: engines };
    }
    default:
      return runtime;
  }
}

function isOwn(reported: JsonValue, view: ObjectView, caller: Caller): boolean {
  const object = isJsonObject(reported) ? view.get('VirtualService', String(reported.uuid)) : undefined;
  return object !== undefined && isVisible(caller, apiTypeByName('VirtualService') as ApiType, object, view);
}

function stateOf(status: JsonValue): JsonObject {
  return isJsonObject(status) ? { state: status.state } : {};
}

function listOf(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}
