import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../json.ts';
import { CONTROLLER_VERSION } from './api-version.ts';
import { SENSITIVE } from './object-answer.ts';
import {
  createObject,
  deleteObject,
  type EditContext,
  entityTag,
  PendingView,
  patchObject,
  replaceObject,
} from './object-edits.ts';
import { object, typeNamed, viewOf } from './test-objects.ts';

const pool = typeNamed('Pool');
const key = typeNamed('SSLKeyAndCertificate');
const web = object('Pool', {
  name: 'web',
  description: 'd',
  tenant_ref: '/api/tenant/admin',
  servers: [{ ip: { addr: '10.0.0.1', type: 'V4' }, port: 80 }],
});
const certificate = object(
  'SSLKeyAndCertificate',
  { name: 'c', certificate: { certificate: 'PEM' } },
  { secrets: new Map([['key', 'SECRET']]) },
);
const user = object('VirtualService', { name: 'vs', pool_ref: '/api/pool/pool-web' });
const view = viewOf(web, certificate, user, object('Tenant', { name: 'blue' }, { uuid: 'tenant-blue' }));

function context(more: Partial<EditContext> = {}): EditContext & { readonly passed: string[] } {
  const passed: string[] = [];
  return {
    passed,
    tenantUuid: 'admin',
    version: CONTROLLER_VERSION,
    newUuid: (type) => `${type.path}-new`,
    onPassedOver: ({ unknown, withoutEffect }) => passed.push(...unknown, ...withoutEffect),
    ...more,
  };
}
const create = (body: JsonObject, options = context(), slug?: string) =>
  createObject(new PendingView(view), pool, body, options, slug);

describe('a new object', () => {
  it('has what was given, its tenant, and a uuid of its type', () => {
    const made = create({
      name: 'b',
      enabled: false,
      uuid: 'x',
      url: 'y',
      _last_modified: 'z',
      description: null,
    });
    assert.deepEqual(
      [made.uuid, made.name, made.tenantUuid, made.body],
      ['pool-new', 'b', 'admin', { name: 'b', enabled: false, tenant_ref: '/api/tenant/admin' }],
    );
  });

  it('has the uuid of the Slug header, which must be free and a uuid', () => {
    assert.equal(create({ name: 'b' }, context(), 'pool-1234').uuid, 'pool-1234');
    assert.throws(() => create({ name: 'b' }, context(), 'pool-web'), { code: 'NAME_TAKEN' });
    assert.throws(() => create({ name: 'b' }, context(), '../x'), { code: 'QUERY_INVALID' });
  });

  it('belongs to the tenant of the request, or that of its tenant_ref', () => {
    assert.equal(create({ name: 'web' }, context({ tenantUuid: 'tenant-blue' })).tenantUuid, 'tenant-blue');
    assert.equal(create({ name: 'web', tenant_ref: '/api/tenant?name=blue' }).tenantUuid, 'tenant-blue');
    assert.throws(() => create({ name: 'b', tenant_ref: '/api/tenant/gone' }), { code: 'OBJECT_NOT_FOUND' });
  });

  it('is refused with a name that is taken in its tenant', () => {
    assert.throws(() => create({ name: 'web' }), {
      code: 'NAME_TAKEN',
      detail: 'Pool object with name web already exists!',
    });
  });

  it('loses fields that Avi does not have, and says so, as of those without effect', () => {
    const options = context();
    const made = create(
      { name: 'b', colour: 'red', analytics_policy: { x: 1 }, capacity_estimation: false },
      options,
    );
    assert.deepEqual(options.passed, ['Pool.colour', 'Pool.analytics_policy']);
    assert.ok(!Object.hasOwn(made.body, 'colour'));
    assert.deepEqual(made.body.analytics_policy, { x: 1 });
  });

  it('has its secrets apart', () => {
    const made = createObject(
      new PendingView(view),
      key,
      { name: 'd', key: 'K', key_passphrase: '', certificate: { certificate: 'PEM' } },
      context(),
    );
    assert.ok(!Object.hasOwn(made.body, 'key'));
    assert.deepEqual([...made.secrets], [['key', 'K']]);
  });

  it('is refused for a singleton', () => {
    assert.throws(
      () => createObject(new PendingView(view), typeNamed('SystemConfiguration'), {}, context()),
      { code: 'METHOD_NOT_ALLOWED' },
    );
  });
});

describe('an object that is replaced', () => {
  const put = (body: JsonObject, options = context(), ifMatch?: readonly string[]) =>
    replaceObject(new PendingView(view), pool, web, body, options, ifMatch === undefined ? {} : { ifMatch });

  it('has what is given and nothing else', () => {
    assert.deepEqual(put({ name: 'web2', url: 'x', uuid: 'other' }).body, {
      name: 'web2',
      tenant_ref: '/api/tenant/admin',
    });
    assert.equal(put({ name: 'web2' }).uuid, 'pool-web');
  });

  it('is refused with Concurrent Update Error where the client has seen an older one', () => {
    put({ name: 'web', _last_modified: '1000000' });
    put({ name: 'web' }, context(), [entityTag(web)]);
    put({ name: 'web' }, context(), ['*']);
    const stale = { code: 'CONCURRENT_UPDATE', message: 'Concurrent Update Error' };
    assert.throws(() => put({ name: 'web', _last_modified: '999999' }), stale);
    assert.throws(() => put({ name: 'web' }, context(), ['"999999"']), stale);
  });

  it('keeps a secret for which <sensitive> is sent back, and loses one that is not sent', () => {
    const change = (body: JsonObject) =>
      replaceObject(new PendingView(view), key, certificate, { name: 'c', ...body }, context());
    assert.equal(change({ key: SENSITIVE }).secrets.get('key'), 'SECRET');
    assert.equal(change({ key: 'other' }).secrets.get('key'), 'other');
    assert.equal(change({}).secrets.size, 0);
    assert.equal(change({ key_passphrase: SENSITIVE }).secrets.size, 0);
    assert.doesNotMatch(JSON.stringify(change({ key: SENSITIVE }).body), /SECRET|sensitive/);
  });

  it('keeps what a client of an older version cannot see', () => {
    const before = object('Pool', { name: 'web', append_port: 'NEVER', description: 'd' });
    const after = replaceObject(
      new PendingView(view),
      pool,
      before,
      { name: 'web' },
      context({ version: '18.2.6' }),
    );
    assert.deepEqual(after.body, { name: 'web', append_port: 'NEVER', tenant_ref: '/api/tenant/admin' });
  });

  it('stays in its tenant', () => {
    assert.throws(() => put({ name: 'web', tenant_ref: '/api/tenant/tenant-blue' }), {
      code: 'CONFIG_INVALID',
    });
  });
});

describe('an object that is patched', () => {
  const patch = (body: JsonObject) => patchObject(new PendingView(view), pool, web, body, context()).body;

  it('changes where the patch says', () => {
    assert.equal(patch({ replace: { description: 'e' } }).description, 'e');
    assert.ok(!Object.hasOwn(patch({ delete: { description: '' } }), 'description'));
    assert.deepEqual(
      patch({ add: { servers: [{ ip: { addr: '10.0.0.1', type: 'V4' }, port: 80, ratio: 3 }] } }).servers,
      [{ ip: { addr: '10.0.0.1', type: 'V4' }, port: 80, ratio: 3 }],
    );
    assert.deepEqual(patch({ json_patch: [{ op: 'remove', path: '/servers/0' }] }).servers, []);
  });

  it('keeps its secrets', () => {
    const after = patchObject(
      new PendingView(view),
      key,
      certificate,
      { replace: { created_by: 'me' } },
      context(),
    );
    assert.deepEqual([...after.secrets], [['key', 'SECRET']]);
  });

  it('keeps the secrets of the elements of a list with these elements, wherever they come to stand', () => {
    const list = 'http_cookie_persistence_profile.key';
    const keys = (...names: string[]) => ({
      http_cookie_persistence_profile: {
        cookie_name: 'c',
        key: names.map((name) => ({ name, aes_key: SENSITIVE })),
      },
    });
    const type = typeNamed('ApplicationPersistenceProfile');
    const persistence_type = 'PERSISTENCE_TYPE_HTTP_COOKIE';
    const before = object(
      type.name,
      { name: 'p', persistence_type, ...keys('first', 'second') },
      {
        secrets: new Map([
          [`${list}[0].aes_key`, 'FIRST'],
          [`${list}[1].aes_key`, 'SECOND'],
        ]),
      },
    );
    const secrets = (after: { readonly secrets: ReadonlyMap<string, string> }) => [...after.secrets.values()];
    const replaced = (...names: string[]) => {
      const body = { name: 'p', persistence_type, ...keys(...names) };
      return secrets(replaceObject(new PendingView(view), type, before, body, context()));
    };
    assert.deepEqual(replaced('second', 'first'), ['SECOND', 'FIRST']);
    assert.deepEqual(replaced('second'), ['SECOND']);
    assert.deepEqual(replaced('other', 'second'), ['FIRST', 'SECOND'], 'one that is called otherwise now');
    assert.deepEqual(replaced('new', 'first', 'second'), ['FIRST', 'SECOND']);
    const remove = [{ op: 'remove', path: '/http_cookie_persistence_profile/key/0' }];
    const patched = patchObject(new PendingView(view), type, before, { json_patch: remove }, context());
    assert.deepEqual(secrets(patched), ['SECOND']);
  });

  it('may not be given what is newer than the version of the request', () => {
    assert.throws(
      () =>
        patchObject(
          new PendingView(view),
          pool,
          web,
          { add: { append_port: 'NEVER' } },
          context({ version: '18.2.6' }),
        ),
      { code: 'FIELD_TOO_NEW' },
    );
  });
});

describe('an object that is deleted', () => {
  it('is refused while others refer to it, and they are named', () => {
    assert.throws(() => deleteObject(view, pool, web), {
      code: 'OBJECT_REFERRED',
      detail: "Cannot delete, object is referred by: ['VirtualService vs']",
    });
    assert.deepEqual(deleteObject(view, typeNamed('VirtualService'), user), {
      kind: 'delete',
      type: 'VirtualService',
      uuid: user.uuid,
    });
  });

  it('is refused where it is a default object', () => {
    const type = typeNamed('ApplicationPersistenceProfile');
    const tls = view.find(type.name, 'admin', 'System-Persistence-TLS');
    assert.ok(tls !== undefined);
    assert.throws(() => deleteObject(view, type, tls), {
      code: 'SYSTEM_OBJECT',
      message: 'Cannot delete system default object',
    });
  });
});
