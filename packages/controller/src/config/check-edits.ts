// Checks of edits that no configuration file needs: names, references and tenants, deletes, and what a new certificate must not be.

import {
  ADMIN_TENANT,
  apiTypeByName,
  bodyProblems,
  type ConfigProblem,
  certificateFacts,
  isDefaultObject,
  LimpetError,
  objectSchemas,
} from '@limpet/model';
import { referencesOf } from './object-references.ts';
import type { ControllerObject, ObjectView } from './object-view.ts';

export interface EditedObject {
  readonly type: string;
  readonly uuid: string;
  readonly before?: ControllerObject;
  readonly after?: ControllerObject;
}

/** An edit that cannot be, whatever else is right: who would be left with nothing, whose name is taken. */
export function refuseImpossible(edited: readonly EditedObject[], after: ObjectView): void {
  for (const edit of edited) {
    if (edit.after === undefined) refuseDelete(edit, after);
    else refuseName(edit.after, edit.before, after);
  }
  refuseLastSuperuser(edited, after);
}

/** Nobody could make another one: what there is no superuser for is lost with the last. */
function refuseLastSuperuser(edited: readonly EditedObject[], after: ObjectView): void {
  const former = edited.find(({ before }) => isSuperuser(before))?.before;
  if (former === undefined || after.list('User').some(isSuperuser)) return;
  const message = 'is the last active superuser; make another one first';
  throw new LimpetError('CONFIG_INVALID', undefined, {
    problems: [{ objectType: 'User', objectName: former.name, field: 'is_superuser', message }],
  });
}

function isSuperuser(object: ControllerObject | undefined): boolean {
  return object?.type === 'User' && object.body.is_superuser === true && object.body.is_active !== false;
}

function refuseDelete({ type, uuid, before }: EditedObject, after: ObjectView): void {
  const objectName = before?.name ?? '';
  const about = (message: string): { problems: readonly ConfigProblem[] } => ({
    problems: [{ objectType: type, objectName, field: '', message }],
  });
  if (isDefaultObject(type, uuid))
    throw new LimpetError('SYSTEM_OBJECT', undefined, about('is a default object'));
  if (before === undefined) throw new LimpetError('OBJECT_NOT_FOUND', `${type} object not found!`);
  const referrers = after.referrers(type, uuid);
  if (referrers.length === 0) return;
  const names = referrers.map((one) => `'${one.type} ${one.name}'`).join(', ');
  throw new LimpetError(
    'OBJECT_REFERRED',
    `Cannot delete, object is referred by: [${names}]`,
    about('others refer to it'),
  );
}

function refuseName(object: ControllerObject, before: ControllerObject | undefined, after: ObjectView): void {
  const { type, uuid, tenantUuid, name } = object;
  if (name === '' || name === before?.name) return;
  // Of two with one name the index of the view has one, whichever came last.
  const twin = after
    .list(type)
    .find((one) => one.name === name && one.tenantUuid === tenantUuid && one.uuid !== uuid);
  if (twin === undefined) return;
  throw new LimpetError('NAME_TAKEN', `${type} object with name ${name} already exists!`, {
    problems: [{ objectType: type, objectName: name, field: 'name', message: 'is taken' }],
  });
}

/**
 * What is wrong with objects that were put; the model finds the rest.
 * @param nowS seconds since 1970; undefined where a certificate may have expired, as one of an earlier version may.
 */
export function problemsOfEdits(
  edited: readonly EditedObject[],
  after: ObjectView,
  nowS: number | undefined,
): readonly ConfigProblem[] {
  return edited.flatMap(({ after: object, before }) => {
    if (object === undefined) return [];
    const at: At = (field, message) => ({ objectType: object.type, objectName: object.name, field, message });
    return [
      ...problemsOfBody(object),
      ...problemsOfDefault(object, before, at),
      ...problemsOfReferences(object, after, at),
      ...problemsOfCertificate(object, before, nowS, at),
      ...problemsOfPlaces(object, at),
      ...problemsOfNetworkProfile(object, after, at),
    ];
  });
}

type At = (field: string, message: string) => ConfigProblem;

/** Of types that the model does not parse for itself. */
function problemsOfBody({ type, name, body }: ControllerObject): readonly ConfigProblem[] {
  const apiType = apiTypeByName(type);
  if (apiType === undefined)
    return [{ objectType: type, objectName: name, field: '', message: 'is no type that Limpet knows' }];
  return Object.hasOwn(objectSchemas, type) ? [] : bodyProblems(apiType.schema, type, name, body);
}

/** They are looked for by name, by clients and by the model. */
function problemsOfDefault(
  object: ControllerObject,
  before: ControllerObject | undefined,
  at: At,
): readonly ConfigProblem[] {
  return isDefaultObject(object.type, object.uuid) && before !== undefined && before.name !== object.name
    ? [at('name', `is that of a system default object, "${before.name}"; it cannot be changed`)]
    : [];
}

function problemsOfReferences(object: ControllerObject, view: ObjectView, at: At): readonly ConfigProblem[] {
  const tenant = view.get('Tenant', object.tenantUuid);
  const ofTenant =
    tenant === undefined ? [at('tenant_ref', `there is no Tenant "${object.tenantUuid}"`)] : [];
  const ofFields = referencesOf(object).flatMap(({ field, text, type, uuid }) => {
    const target = uuid === undefined ? undefined : view.get(type, uuid);
    if (target === undefined) return [at(field, `there is no ${type} "${text}"`)];
    const isOwn = target.tenantUuid === object.tenantUuid || target.tenantUuid === ADMIN_TENANT;
    return isOwn || type === 'Tenant'
      ? []
      : [at(field, `${type} "${target.name}" belongs to another tenant`)];
  });
  return [...ofTenant, ...ofFields];
}

/** A new one that is no good is a mistake. One that expires while it is here is not: it must not stand in the way of any other change. */
function problemsOfCertificate(
  object: ControllerObject,
  before: ControllerObject | undefined,
  nowS: number | undefined,
  at: At,
): readonly ConfigProblem[] {
  if (object.type !== 'SSLKeyAndCertificate') return [];
  const [pem, former] = [object, before].map(certificateOf);
  if (pem === undefined || pem === former) return [];
  const field = 'certificate.certificate';
  const facts = certificateFacts(pem, nowS ?? 0);
  if (facts === undefined) return [at(field, 'cannot be read as a PEM certificate')];
  return facts.expiry_status === 'SSL_CERTIFICATE_EXPIRED'
    ? [at(field, `has expired (${facts.not_after} UTC); give one that is valid`)]
    : [];
}

function certificateOf(object: ControllerObject | undefined): string | undefined {
  const certificate = object?.body.certificate;
  const pem =
    typeof certificate === 'object' && certificate !== null && 'certificate' in certificate
      ? certificate.certificate
      : undefined;
  return typeof pem === 'string' ? pem : undefined;
}

function problemsOfPlaces({ type, body }: ControllerObject, at: At): readonly ConfigProblem[] {
  if (type === 'Cloud' && body.vtype !== undefined && body.vtype !== 'CLOUD_NONE')
    return [at('vtype', `${String(body.vtype)} is not supported; use CLOUD_NONE and start engines yourself`)];
  if (type !== 'ServiceEngineGroup') return [];
  const { min_scaleout_per_vs: min = 1, max_scaleout_per_vs: max = 4 } = body;
  return typeof min === 'number' && typeof max === 'number' && min > max
    ? [at('min_scaleout_per_vs', `is more than max_scaleout_per_vs (${max})`)]
    : [];
}

const PROXIED = 'PROTOCOL_TYPE_TCP_PROXY';

/** To serve TCP where something else was asked for would be something else, not less. */
function problemsOfNetworkProfile(
  object: ControllerObject,
  view: ObjectView,
  at: At,
): readonly ConfigProblem[] {
  const field = 'network_profile_ref';
  if (object.type === 'VirtualService') {
    const uuid = referencesOf(object).find((reference) => reference.field === field)?.uuid;
    const profile = uuid === undefined ? undefined : view.get('NetworkProfile', uuid);
    const type = profile === undefined ? PROXIED : protocolOf(profile);
    return type === PROXIED
      ? []
      : [at(field, `"${profile?.name}" is of ${type}; only ${PROXIED} is supported`)];
  }
  if (object.type !== 'NetworkProfile' || protocolOf(object) === PROXIED) return [];
  const [user] = view.referrers('NetworkProfile', object.uuid);
  return user === undefined
    ? []
    : [at('profile.type', `must be ${PROXIED}: ${user.type} "${user.name}" has this profile`)];
}

function protocolOf({ body: { profile } }: ControllerObject): string {
  return typeof profile === 'object' && profile !== null && 'type' in profile ? String(profile.type) : '';
}
