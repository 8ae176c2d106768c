// What the API has for engines: where the link is, enrolment by a token, the tokens, and how an engine is revoked.

import { apiTypeByName, LimpetError } from '@limpet/model';
import type { Configuration } from '../config/configuration.ts';
import type { EngineLink } from '../engines/engine-link.ts';
import type { JsonObject } from '../json.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { type ApiAnswer, type ApiCall, bodyOf, type Caller, ok } from './api-call.ts';
import type { KnownEndpoint, PublicEndpoint } from './api-services.ts';
import { refuseDryRun } from './collection-query.ts';
import { pathOfType } from './given-body.ts';
import { ADMIN_TENANT, canonicalReferences, readCanonical, referenceTo } from './object-references.ts';
import { readProperty } from './system-properties.ts';

export interface EngineEndpointServices {
  readonly link: () => EngineLink;
  readonly configuration: () => Configuration;
  readonly onEvent: (eventId: string, details: JsonObject) => void;
}

export function publicEngineEndpoints({ link }: EngineEndpointServices): readonly PublicEndpoint[] {
  return [
    // The port may change; an engine that has lost the link asks again.
    {
      method: 'GET',
      path: '/api/engine-link',
      handle: () => ok({ port: link().port, ca: link().ca.certificatePem }),
    },
    {
      method: 'POST',
      path: '/api/engine-link/enrol',
      handle: async (call) => {
        const { token, name, certificate_request } = bodyOf(call);
        if (![token, name, certificate_request].every((text) => typeof text === 'string'))
          throw new LimpetError('JSON_MALFORMED', 'token, name and certificate_request must be strings');
        const enrolled = await link().enrolment.enrol(
          String(token),
          String(name),
          String(certificate_request),
          call.address,
        );
        return {
          status: 201,
          body: {
            engine_uuid: enrolled.engineUuid,
            certificate: enrolled.certificatePem,
            ca: enrolled.caPem,
            port: link().port,
          },
        };
      },
    },
  ];
}

export function knownEngineEndpoints(services: EngineEndpointServices): readonly KnownEndpoint[] {
  return [
    {
      method: 'POST',
      path: '/api/enrolment-token',
      handle: (call, caller) => createToken(services, call, caller),
    },
  ];
}

/** `minutes` that it is good for, and `se_group_ref` that the engine joins. */
async function createToken(
  { link, configuration, onEvent }: EngineEndpointServices,
  call: ApiCall,
  caller: Caller,
): Promise<ApiAnswer> {
  if (!caller.user.isSuperuser) throw new LimpetError('FORBIDDEN', 'enrolment is for superusers');
  refuseDryRun(call.query);
  const { view } = configuration();
  const { minutes, se_group_ref } = call.body === undefined ? {} : bodyOf(call);
  const validMin =
    minutes === undefined ? Number(readProperty(view, 'secure_channel_se_token_timeout')) : Number(minutes);
  if (!(validMin > 0 && validMin <= 10_080))
    throw new LimpetError('QUERY_INVALID', 'minutes must be a number up to 10080');
  const engine = apiTypeByName('ServiceEngine');
  const group =
    se_group_ref === undefined || engine === undefined
      ? undefined
      : canonicalReferences(engine, { se_group_ref }, ADMIN_TENANT, view, pathOfType).se_group_ref;
  const groupUuid = typeof group === 'string' ? readCanonical(group)?.uuid : undefined;
  const { token, expiresAtMs } = await link().enrolment.createToken({ validMin, groupUuid });
  onEvent('ENROLMENT_TOKEN_CREATED', { user: caller.user.name, client_ip: call.address, minutes: validMin });
  return { status: 201, body: { token, expires_at: new Date(expiresAtMs).toISOString() } };
}

/** The ServiceEngine object of that name, made where there is none. */
export async function findOrMakeEngine(
  configuration: Configuration,
  random: RandomSource,
  name: string,
  groupUuid: string | undefined,
): Promise<string> {
  let uuid = '';
  await configuration.change({
    actor: { user: 'system' },
    summary: `enrol ${name}`,
    edit: (view) => {
      const known = view.find('ServiceEngine', ADMIN_TENANT, name);
      uuid = known?.uuid ?? `serviceengine-${random.uuid()}`;
      const group =
        groupUuid === undefined ? {} : { se_group_ref: referenceTo('serviceenginegroup', groupUuid) };
      if (known !== undefined && groupUuid === undefined) return [];
      const body = { name, tenant_ref: referenceTo('tenant', ADMIN_TENANT), ...known?.body, ...group };
      return [
        {
          kind: 'put',
          object: { type: 'ServiceEngine', uuid, tenantUuid: ADMIN_TENANT, name, body, secrets: new Map() },
        },
      ];
    },
  });
  return uuid;
}
