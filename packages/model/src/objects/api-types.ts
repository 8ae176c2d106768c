// The table of the API's types: every kind of object that the Controller keeps, and what is to know of it beside its fields.

import type { z } from 'zod';
import type { ApiType } from './api-type.ts';
import { controllerNestedTypes, controllerSchemas } from './controller-schemas.ts';
import { ref } from './fields.ts';
import { fieldsWithoutEffect } from './fields-without-effect.ts';
import { nestedTypes, objectSchemas } from './schemas.ts';

/** What a Controller acts upon and an engine with a configuration of its own does not: where a virtual service is placed, mostly. */
const placed = {
  VirtualService: objectSchemas.VirtualService.extend({
    se_group_ref: ref.optional(),
    cloud_ref: ref.optional(),
    // Its type is looked at: what is not proxied as TCP cannot be served.
    network_profile_ref: ref.optional(),
  }),
  VsVip: objectSchemas.VsVip.extend({ cloud_ref: ref.optional() }),
  Pool: objectSchemas.Pool.extend({ cloud_ref: ref.optional() }),
} as const;

const schemas: Readonly<Record<string, z.ZodType>> = { ...objectSchemas, ...controllerSchemas, ...placed };
const nested: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ...nestedTypes,
  ...controllerNestedTypes,
};

type About = Partial<Pick<ApiType, 'singleton' | 'references' | 'secrets' | 'listKeys' | 'readOnly'>>;

const vipKeys = { vip: ['vip_id'] };
const IDENTITY = ['uuid', 'url', '_last_modified'];

function apiType(name: string, about: About = {}): ApiType {
  const schema = schemas[name];
  if (schema === undefined) throw new Error(`${name} has no schema`);
  const { singleton = false, references = {}, secrets = [], listKeys = {}, readOnly = [] } = about;
  return Object.freeze({
    name,
    path: name.toLowerCase(),
    singleton,
    schema,
    nested: nested[name] ?? {},
    references: { tenant_ref: 'Tenant', ...references },
    secrets,
    listKeys,
    readOnly: [...IDENTITY, ...readOnly],
    withoutEffect: withoutEffect(name, schema),
  });
}

/** As paths below the object, as `services[].override_network_profile_ref`. */
function withoutEffect(name: string, schema: z.ZodType): readonly string[] {
  const acted = (schema as unknown as { shape: Record<string, unknown> }).shape;
  const own = Object.keys(fieldsWithoutEffect[name] ?? {}).filter((field) => !Object.hasOwn(acted, field));
  const below = Object.entries(nested[name] ?? {}).flatMap(([path, type]) =>
    Object.keys(fieldsWithoutEffect[type] ?? {}).map((field) => `${path}.${field}`),
  );
  return [...own, ...below];
}

const SSL_CERTIFICATE_FACTS = [
  'certificate.chain_verified',
  'certificate.days_until_expire',
  'certificate.expiry_status',
  'certificate.fingerprint',
  'certificate.issuer',
  'certificate.key_params',
  'certificate.not_after',
  'certificate.not_before',
  'certificate.public_key',
  'certificate.self_signed',
  'certificate.serial_number',
  'certificate.signature',
  'certificate.signature_algorithm',
  'certificate.subject',
  'certificate.subject_alt_names',
  'certificate.text',
  'certificate.version',
  'key_params',
  'status',
];

const monitorTls = (field: string): Readonly<Record<string, string>> => ({
  [`${field}.ssl_attributes.pki_profile_ref`]: 'PKIProfile',
  [`${field}.ssl_attributes.ssl_key_and_certificate_ref`]: 'SSLKeyAndCertificate',
  [`${field}.ssl_attributes.ssl_profile_ref`]: 'SSLProfile',
});

/** In the order in which they refer to each other: a type refers to none that stands below it, but for its own. */
export const apiTypes: readonly ApiType[] = Object.freeze([
  apiType('Tenant'),
  apiType('Cloud'),
  apiType('Cluster', { singleton: true, listKeys: { nodes: ['name'] } }),
  apiType('ControllerProperties', { singleton: true }),
  apiType('SystemConfiguration', { singleton: true }),
  apiType('User', {
    references: { default_tenant_ref: 'Tenant', 'access[].tenant_ref': 'Tenant' },
    secrets: ['password'],
    listKeys: { access: ['role_ref', 'tenant_ref'] },
    readOnly: ['logged_in', 'uid'],
  }),
  apiType('ServiceEngineGroup', { references: { cloud_ref: 'Cloud' } }),
  apiType('ServiceEngine', {
    references: { cloud_ref: 'Cloud', se_group_ref: 'ServiceEngineGroup' },
    readOnly: ['controller_created', 'controller_ip', 'flavor', 'hypervisor', 'resources'],
  }),
  apiType('NetworkProfile'),
  apiType('ApplicationPersistenceProfile', {
    secrets: [
      'app_cookie_persistence_profile.encryption_key',
      'http_cookie_persistence_profile.encryption_key',
      'http_cookie_persistence_profile.key[].aes_key',
      'http_cookie_persistence_profile.key[].hmac_key',
    ],
    listKeys: { 'http_cookie_persistence_profile.key': ['name'] },
  }),
  apiType('SSLProfile', { listKeys: { accepted_versions: ['type'] }, readOnly: ['ssl_rating'] }),
  apiType('PKIProfile', { listKeys: { ca_certs: ['certificate'], crls: ['body'] } }),
  apiType('SSLKeyAndCertificate', {
    references: { 'ca_certs[].ca_ref': 'SSLKeyAndCertificate' },
    secrets: ['key', 'key_passphrase'],
    readOnly: SSL_CERTIFICATE_FACTS,
  }),
  apiType('ApplicationProfile', { references: { 'http_profile.pki_profile_ref': 'PKIProfile' } }),
  apiType('HealthMonitor', {
    references: { ...monitorTls('http_monitor'), ...monitorTls('https_monitor') },
    secrets: ['authentication.password'],
  }),
  apiType('VsVip', { references: { cloud_ref: 'Cloud' }, listKeys: vipKeys }),
  apiType('Pool', {
    references: {
      application_persistence_profile_ref: 'ApplicationPersistenceProfile',
      cloud_ref: 'Cloud',
      'fail_action.backup_pool.backup_pool_ref': 'Pool',
      'health_monitor_refs[]': 'HealthMonitor',
      pki_profile_ref: 'PKIProfile',
      ssl_key_and_certificate_ref: 'SSLKeyAndCertificate',
      ssl_profile_ref: 'SSLProfile',
    },
    listKeys: { servers: ['ip.addr', 'port'] },
  }),
  apiType('VirtualService', {
    references: {
      application_profile_ref: 'ApplicationProfile',
      cloud_ref: 'Cloud',
      network_profile_ref: 'NetworkProfile',
      pool_ref: 'Pool',
      se_group_ref: 'ServiceEngineGroup',
      server_network_profile_ref: 'NetworkProfile',
      'services[].override_application_profile_ref': 'ApplicationProfile',
      'services[].override_network_profile_ref': 'NetworkProfile',
      'ssl_key_and_certificate_refs[]': 'SSLKeyAndCertificate',
      ssl_profile_ref: 'SSLProfile',
      'ssl_profile_selectors[].ssl_profile_ref': 'SSLProfile',
      vh_parent_vs_ref: 'VirtualService',
      vsvip_ref: 'VsVip',
    },
    listKeys: { ...vipKeys, services: ['port'] },
  }),
]);

const byName = new Map(apiTypes.map((type) => [type.name, type]));
const byPath = new Map(apiTypes.map((type) => [type.path, type]));

export function apiTypeByName(name: string): ApiType | undefined {
  return byName.get(name);
}

/** @param path as it stands below /api: `virtualservice`. */
export function apiTypeByPath(path: string): ApiType | undefined {
  return byPath.get(path);
}
