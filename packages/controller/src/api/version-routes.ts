// Versions of the configuration: what each changed, how two differ, and the way back to one.

import { apiTypes, LimpetError } from '@limpet/model';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';
import type { HistoryEntry } from '../store/object-store.ts';
import { type ApiAnswer, type ApiCall, type Caller, ok } from './api-call.ts';
import type { ApiServices } from './api-services.ts';
import { describeOutcome } from './change-answer.ts';
import { isDryRun } from './collection-query.ts';
import { compareBodies } from './compare-bodies.ts';

/** Objects of versions in one answer. */
const ENTRIES_MAX = 1000;
const ENTRIES_DEFAULT = 200;

export class VersionRoutes {
  readonly #services: ApiServices;

  constructor(services: ApiServices) {
    this.#services = services;
  }

  /** Newest first; `before=<version>` for the older ones, `type=` and `uuid=` for those of one object. */
  async list(call: ApiCall, caller: Caller): Promise<ApiAnswer> {
    refuseOthers(caller);
    const { configuration } = this.#services;
    const [before, limit] = [numberOf(call, 'before'), numberOf(call, 'limit') ?? ENTRIES_DEFAULT];
    const [type, uuid] = [call.query.get('type'), call.query.get('uuid')];
    const entries = await configuration.history({
      ...(before === undefined ? {} : { beforeRevision: before }),
      ...(type === null ? {} : { type }),
      ...(uuid === null ? {} : { uuid }),
      limit: Math.min(limit, ENTRIES_MAX),
    });
    const byRevision = Map.groupBy(entries, (entry) => entry.revision);
    const versions = [...byRevision.values()].map(describeVersion);
    const oldest = entries.at(-1)?.revision;
    const rest = new URLSearchParams(call.query);
    rest.set('before', String(oldest));
    // A page ends between versions, so that a short one need not be the last.
    const next =
      oldest === undefined || oldest <= 1 ? {} : { next: `${call.origin}${call.path}?${rest.toString()}` };
    return ok({ count: versions.length, current: configuration.view.revision, results: versions, ...next });
  }

  async show(call: ApiCall, caller: Caller): Promise<ApiAnswer> {
    refuseOthers(caller);
    const view = await this.#viewAt(revisionOf(call.params.version));
    return ok({ version: view.revision, objects: allObjects(view).map(describeObject) });
  }

  /** What is different from `with=<version>`, or from the newest. */
  async compare(call: ApiCall, caller: Caller): Promise<ApiAnswer> {
    refuseOthers(caller);
    const other = call.query.get('with');
    const [before, after] = await Promise.all([
      this.#viewAt(revisionOf(call.params.version)),
      other === null ? this.#services.configuration.view : this.#viewAt(revisionOf(other)),
    ]);
    return ok({ from: before.revision, to: after.revision, changed: compareViews(before, after) });
  }

  async rollBack(call: ApiCall, caller: Caller): Promise<ApiAnswer> {
    refuseOthers(caller);
    const revision = revisionOf(call.params.version);
    await this.#viewAt(revision);
    const actor = { user: caller.user.name, address: call.address };
    const dryRun = isDryRun(call.query);
    const outcome = await this.#services.configuration.rollBack(revision, actor, dryRun);
    const { dry_run: _, ...described } = describeOutcome(outcome);
    return ok({ dry_run: dryRun, rolled_back_to: revision, ...described });
  }

  async #viewAt(revision: number): Promise<ObjectView> {
    const { view } = this.#services.configuration;
    if (revision === view.revision) return view;
    if (revision > view.revision) throw new LimpetError('OBJECT_NOT_FOUND', 'Version object not found!');
    return this.#services.configuration.viewAt(revision);
  }
}

/** Versions have the objects of all tenants in them. */
function refuseOthers(caller: Caller): void {
  if (!caller.user.isSuperuser) throw new LimpetError('FORBIDDEN', 'versions are for superusers');
}

function revisionOf(text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}$/.test(text))
    throw new LimpetError('OBJECT_NOT_FOUND', 'Version object not found!');
  return Number(text);
}

function numberOf(call: ApiCall, name: string): number | undefined {
  const text = call.query.get(name);
  if (text === null) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new LimpetError('QUERY_INVALID', `${name} must be a whole number from 1`);
  return Number(text);
}

function describeVersion(entries: readonly HistoryEntry[]): JsonObject {
  const [{ revision, atUs, actor, summary }] = entries as [HistoryEntry, ...HistoryEntry[]];
  return {
    version: revision,
    at: new Date(Math.floor(atUs / 1000)).toISOString(),
    user: actor.user,
    ...(actor.address === undefined ? {} : { address: actor.address }),
    summary,
    objects: entries.map(({ type, uuid, name, body }) => ({
      type,
      uuid,
      name,
      change: body === undefined ? 'delete' : 'put',
    })),
  };
}

/** Users and engines are no part of what is rolled back, and none of the versions shows them. */
const APART: ReadonlySet<string> = new Set(['User', 'ServiceEngine']);

function allObjects(view: ObjectView): readonly ControllerObject[] {
  return apiTypes.flatMap(({ name }) => (APART.has(name) ? [] : view.list(name)));
}

function describeObject({ type, uuid, name, tenantUuid, body }: ControllerObject): JsonObject {
  return { type, uuid, name, tenant: tenantUuid, body };
}

function compareViews(before: ObjectView, after: ObjectView): readonly JsonObject[] {
  const key = ({ type, uuid }: ControllerObject): string => `${type} ${uuid}`;
  const old = new Map(allObjects(before).map((object) => [key(object), object]));
  const present = new Map(allObjects(after).map((object) => [key(object), object]));
  return [...new Set([...old.keys(), ...present.keys()])].flatMap((name) => {
    const [was, is] = [old.get(name), present.get(name)];
    if (was === is) return [];
    const fields = compareBodies(was?.body ?? {}, is?.body ?? {});
    const areSecretsSame =
      was !== undefined &&
      is !== undefined &&
      was.secrets.size === is.secrets.size &&
      [...was.secrets].every(([place, secret]) => is.secrets.get(place) === secret);
    if (was !== undefined && is !== undefined && fields.length === 0 && areSecretsSame) return [];
    const { type, uuid, name: objectName } = (is ?? was) as ControllerObject;
    return [
      {
        change: was === undefined ? 'create' : is === undefined ? 'delete' : 'update',
        type,
        uuid,
        name: objectName,
        fields: fields.map((difference) => ({ ...difference })),
        ...(areSecretsSame || was === undefined || is === undefined ? {} : { secrets_changed: true }),
      },
    ];
  });
}
