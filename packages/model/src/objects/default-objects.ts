// Default objects: what a Controller has from its first start, each with a uuid that is the same everywhere. They can be edited and not deleted.

import { systemObjects } from '../system-objects.ts';
import { derivedUuid } from '../uuid.ts';

export interface DefaultObject {
  readonly type: string;
  readonly uuid: string;
  /** Empty for a singleton. */
  readonly name: string;
  /** Without name and uuid, as a client would give it. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Uuid of the tenant that objects belong to where none is named. */
export const ADMIN_TENANT = 'admin';

function named(type: string, { name, ...body }: Readonly<Record<string, unknown>>): DefaultObject {
  const text = name as string;
  return { type, uuid: derivedUuid(type, ADMIN_TENANT, text), name: text, body: { name: text, ...body } };
}

/** What a configuration file need not define, neither; and what only the Controller has. */
const beyondConfigurations: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  ApplicationPersistenceProfile: [
    {
      name: 'System-Persistence-Client-IP',
      persistence_type: 'PERSISTENCE_TYPE_CLIENT_IP_ADDRESS',
      ip_persistence_profile: { ip_persistent_timeout: 5 },
    },
    {
      name: 'System-Persistence-Custom-Http-Header',
      persistence_type: 'PERSISTENCE_TYPE_CUSTOM_HTTP_HEADER',
      hdr_persistence_profile: { prst_hdr_name: 'customhttphdrname' },
    },
    {
      name: 'System-Persistence-App-Cookie',
      persistence_type: 'PERSISTENCE_TYPE_APP_COOKIE',
      app_cookie_persistence_profile: { prst_hdr_name: 'customhttpcookiename', timeout: 20 },
    },
  ],
  ApplicationProfile: [
    {
      name: 'System-Secure-HTTP',
      type: 'APPLICATION_PROFILE_TYPE_HTTP',
      http_profile: {
        http_to_https: true,
        hsts_enabled: true,
        httponly_enabled: true,
        secure_cookie_enabled: true,
        server_side_redirect_to_https: true,
        x_forwarded_proto_enabled: true,
      },
    },
  ],
  NetworkProfile: [
    {
      name: 'System-TCP-Proxy',
      profile: { type: 'PROTOCOL_TYPE_TCP_PROXY', tcp_proxy_profile: { automatic: true } },
    },
  ],
  Cloud: [{ name: 'Default-Cloud', vtype: 'CLOUD_NONE' }],
  ServiceEngineGroup: [{ name: 'Default-Group' }],
};

const SINGLETONS = ['Cluster', 'ControllerProperties', 'SystemConfiguration'];

/** In the order in which they refer to each other. */
export const defaultObjects: readonly DefaultObject[] = Object.freeze([
  { type: 'Tenant', uuid: ADMIN_TENANT, name: 'admin', body: { name: 'admin' } },
  ...SINGLETONS.map((type) => ({ type, uuid: type, name: '', body: {} })),
  ...[systemObjects, beyondConfigurations].flatMap((objects) =>
    Object.entries(objects).flatMap(([type, list]) => list.map((object) => named(type, object))),
  ),
]);

const keys = new Set(defaultObjects.map(({ type, uuid }) => `${type} ${uuid}`));

export function isDefaultObject(type: string, uuid: string): boolean {
  return keys.has(`${type} ${uuid}`);
}

/** Uuid of the default object of that name. */
export function defaultUuid(type: string, name: string): string {
  return derivedUuid(type, ADMIN_TENANT, name);
}
