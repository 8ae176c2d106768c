// The one set of routes for all types of objects: collections, objects and the macro call.

import { type ApiType, apiTypeByName, apiTypeByPath, LimpetError } from '@limpet/model';
import type { ChangeOutcome, ObjectEdit } from '../config/configuration.ts';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';
import { type ApiAnswer, type ApiCall, bodyOf, type Caller, headerOf, ok } from './api-call.ts';
import type { ApiServices } from './api-services.ts';
import { describeOutcome, PassedOver } from './change-answer.ts';
import { isDryRun, readCollectionQuery, readShown, type Shown } from './collection-query.ts';
import { macroEdits } from './macro.ts';
import { homeOf, isVisible, refuseForeignObject, refuseForeignType } from './object-access.ts';
import { answerObject, objectUrl } from './object-answer.ts';
import {
  createObject,
  deleteObject,
  type EditContext,
  type Expected,
  entityTag,
  PendingView,
  patchObject,
  replaceObject,
} from './object-edits.ts';
import { selectObjects } from './select-objects.ts';
import { shownRuntime } from './shown-runtime.ts';
import { withHashedPassword } from './user-password.ts';

/** The type that a call is about. @throws LimpetError OBJECT_NOT_FOUND */
export function typeOf(path: string | undefined): ApiType {
  const type = path === undefined ? undefined : apiTypeByPath(path);
  if (type === undefined) throw new LimpetError('OBJECT_NOT_FOUND', 'Not found.');
  return type;
}

/** An object that the caller sees. @throws LimpetError OBJECT_NOT_FOUND in Avi's words. */
export function objectOf(
  view: ObjectView,
  type: ApiType,
  uuid: string | undefined,
  caller: Caller,
): ControllerObject {
  const object = type.singleton ? view.list(type.name)[0] : view.get(type.name, uuid ?? '');
  if (object === undefined || !isVisible(caller, type, object, view))
    throw new LimpetError('OBJECT_NOT_FOUND', `${type.name} object not found!`);
  return object;
}

export class ObjectRoutes {
  readonly #services: ApiServices;

  constructor(services: ApiServices) {
    this.#services = services;
  }

  collection(call: ApiCall, caller: Caller): ApiAnswer | Promise<ApiAnswer> {
    const type = typeOf(call.params.type);
    refuseForeignType(caller, type, call.method !== 'GET');
    if (type.singleton) return this.#singleton(call, caller, type);
    switch (call.method) {
      case 'GET':
        return this.#list(call, caller, type);
      case 'POST':
        return this.#create(call, caller, type);
      default:
        throw notAllowed(call);
    }
  }

  object(call: ApiCall, caller: Caller): ApiAnswer | Promise<ApiAnswer> {
    const type = typeOf(call.params.type);
    refuseForeignType(caller, type, call.method !== 'GET');
    if (type.singleton) throw new LimpetError('OBJECT_NOT_FOUND', `${type.name} object not found!`);
    switch (call.method) {
      case 'GET':
        return this.#read(call, caller, type);
      case 'PUT':
      case 'PATCH':
        return this.#update(call, caller, type);
      case 'DELETE':
        return this.#delete(call, caller, type);
      default:
        throw notAllowed(call);
    }
  }

  async macro(call: ApiCall, caller: Caller): Promise<ApiAnswer> {
    const passedOver = new PassedOver();
    const body = await this.#withHashedPasswords(bodyOf(call));
    let made: { readonly type: ApiType; readonly uuid: string } | undefined;
    let isNew = false;
    const outcome = await this.#change(call, caller, (view) => {
      const macro = macroEdits(new PendingView(view), body, this.#editContext(call, caller, passedOver));
      for (const edit of macro.edits) this.#refuseForeignEdit(view, caller, edit);
      made = macro;
      isNew = view.get(macro.type.name, macro.uuid) === undefined;
      return macro.edits;
    });
    const { type, uuid } = made as unknown as { readonly type: ApiType; readonly uuid: string };
    return this.#changed(call, caller, outcome, type, uuid, isNew ? 201 : 200, passedOver);
  }

  #singleton(call: ApiCall, caller: Caller, type: ApiType): ApiAnswer | Promise<ApiAnswer> {
    switch (call.method) {
      case 'GET':
        return this.#read(call, caller, type);
      case 'PUT':
      case 'PATCH':
        return this.#update(call, caller, type);
      default:
        throw notAllowed(call);
    }
  }

  #list(call: ApiCall, caller: Caller, type: ApiType): ApiAnswer {
    const { view } = this.#services.configuration;
    const query = readCollectionQuery(call.query);
    const objects = selectObjects(view, type, query, (object) => isVisible(caller, type, object, view));
    const from = (query.page - 1) * query.pageSize;
    const page = objects.slice(from, from + query.pageSize);
    const hasMore = from + query.pageSize < objects.length;
    return ok({
      count: objects.length,
      results: page.map((object) => this.#shown(call, caller, type, object, view, query)),
      ...(hasMore ? { next: nextPage(call, query.page + 1, query.pageSize) } : {}),
    });
  }

  #read(call: ApiCall, caller: Caller, type: ApiType): ApiAnswer {
    const { view } = this.#services.configuration;
    const object = objectOf(view, type, call.params.uuid, caller);
    const tag = entityTag(object);
    if (tagsOf(call, 'if-none-match')?.includes(tag)) return { status: 304, headers: { etag: tag } };
    return ok(this.#shown(call, caller, type, object, view, readShown(call.query)), { etag: tag });
  }

  async #create(call: ApiCall, caller: Caller, type: ApiType): Promise<ApiAnswer> {
    const passedOver = new PassedOver();
    const body = await withHashedPassword(type, bodyOf(call), this.#services);
    const slug = headerOf(call.headers, 'slug');
    let uuid = '';
    const outcome = await this.#change(call, caller, (view) => {
      const context = this.#editContext(call, caller, passedOver);
      const object = createObject(new PendingView(view), type, body, context, slug);
      const edit: ObjectEdit = { kind: 'put', object };
      this.#refuseForeignEdit(view, caller, edit);
      uuid = object.uuid;
      return [edit];
    });
    return this.#changed(call, caller, outcome, type, uuid, 201, passedOver);
  }

  async #update(call: ApiCall, caller: Caller, type: ApiType): Promise<ApiAnswer> {
    const passedOver = new PassedOver();
    const body = await withHashedPassword(type, bodyOf(call), this.#services);
    const change = call.method === 'PUT' ? replaceObject : patchObject;
    let uuid = '';
    const outcome = await this.#change(call, caller, (view) => {
      const before = objectOf(view, type, call.params.uuid, caller);
      refuseForeignObject(caller, type, before);
      uuid = before.uuid;
      const context = this.#editContext(call, caller, passedOver);
      const object = change(new PendingView(view), type, before, body, context, expectedOf(call));
      return [{ kind: 'put', object }];
    });
    return this.#changed(call, caller, outcome, type, uuid, 200, passedOver);
  }

  async #delete(call: ApiCall, caller: Caller, type: ApiType): Promise<ApiAnswer> {
    const outcome = await this.#change(call, caller, (view) => {
      const before = objectOf(view, type, call.params.uuid, caller);
      refuseForeignObject(caller, type, before);
      return [deleteObject(view, type, before, expectedOf(call))];
    });
    return isDryRun(call.query) ? ok(describeOutcome(outcome)) : { status: 204 };
  }

  #change(
    call: ApiCall,
    caller: Caller,
    edit: (view: ObjectView) => readonly ObjectEdit[],
  ): Promise<ChangeOutcome> {
    return this.#services.configuration.change({
      actor: { user: caller.user.name, address: call.address },
      summary: `${call.method} ${call.path}`,
      dryRun: isDryRun(call.query),
      edit,
    });
  }

  #changed(
    call: ApiCall,
    caller: Caller,
    outcome: ChangeOutcome,
    type: ApiType,
    uuid: string,
    status: number,
    passedOver: PassedOver,
  ): ApiAnswer {
    const headers = passedOver.headers();
    if (isDryRun(call.query)) return ok(describeOutcome(outcome), headers);
    const object = outcome.view.get(type.name, uuid);
    if (object === undefined) throw new Error(`${type.name} ${uuid} was changed and is not there`);
    if (!passedOver.isEmpty)
      this.#services.recordEvent('CONFIG_FIELDS_PASSED_OVER', {
        obj_type: type.name,
        obj_uuid: uuid,
        obj_name: object.name,
        ...passedOver.details(),
      });
    // Recorded: the answer to a change always has the names.
    const shown = { ...readShown(call.query), includeName: true };
    return {
      status,
      body: this.#shown(call, caller, type, object, outcome.view, shown),
      headers: {
        etag: entityTag(object),
        ...(status === 201 ? { location: headerUrl(objectUrl(type, object, call.origin, true)) } : {}),
        ...headers,
      },
    };
  }

  #shown(
    call: ApiCall,
    caller: Caller,
    type: ApiType,
    object: ControllerObject,
    view: ObjectView,
    shown: Shown,
  ): JsonObject {
    const form = { ...shown, view, origin: call.origin, version: call.version, nowS: call.nowS };
    const answer = answerObject(type, object, form);
    if (!shown.joinRuntime) return answer;
    const runtime = shownRuntime(this.#services.runtime, view, object, '', caller);
    return runtime === undefined ? answer : { ...answer, runtime };
  }

  #editContext(call: ApiCall, caller: Caller, passedOver: PassedOver): EditContext {
    return {
      tenantUuid: homeOf(caller),
      version: call.version,
      newUuid: (type) => `${type.path}-${this.#services.random.uuid()}`,
      onPassedOver: (fields) => passedOver.add(fields),
    };
  }

  /** A macro, or a tenant_ref in a body, reaches further than the path says. */
  #refuseForeignEdit(view: ObjectView, caller: Caller, edit: ObjectEdit): void {
    if (edit.kind !== 'put') return;
    const type = apiTypeByName(edit.object.type) as ApiType;
    const before = view.get(type.name, edit.object.uuid);
    if (before === undefined) refuseForeignType(caller, type, true);
    else refuseForeignObject(caller, type, before);
    const object = { ...edit.object, lastModifiedUs: 0 };
    if (!isVisible({ ...caller, tenant: { kind: 'all', home: homeOf(caller) } }, type, object, view))
      throw new LimpetError('FORBIDDEN', 'the object is of another tenant');
  }

  async #withHashedPasswords(body: JsonObject): Promise<JsonObject> {
    const type = apiTypeByName(String(body.model_name));
    if (type?.name !== 'User') return body;
    return {
      ...body,
      data: await withHashedPassword(type, bodyOf({ body: body.data } as ApiCall), this.#services),
    };
  }
}

function notAllowed(call: ApiCall): LimpetError {
  return new LimpetError('METHOD_NOT_ALLOWED', `Method '${call.method}' not allowed.`);
}

function expectedOf(call: ApiCall): Expected {
  const ifMatch = tagsOf(call, 'if-match');
  return ifMatch === undefined ? {} : { ifMatch };
}

/** The entity tags of a condition (RFC 9110 §13.1). */
function tagsOf(call: ApiCall, header: string): string[] | undefined {
  return headerOf(call.headers, header)
    ?.split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
}

function nextPage(call: ApiCall, page: number, pageSize: number): string {
  const query = new URLSearchParams(call.query);
  query.set('page', String(page));
  query.set('page_size', String(pageSize));
  return `${call.origin}${call.path}?${query}`;
}

/** A name may have spaces in it. */
function headerUrl(url: string): string {
  return url.replaceAll(' ', '%20');
}
