import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pathOfType } from './given-body.ts';
import { canonicalReferences, readReference } from './object-references.ts';
import { object, typeNamed, viewOf } from './test-objects.ts';

const view = viewOf(
  object('Tenant', { name: 'blue' }, { uuid: 'tenant-blue' }),
  object('Pool', { name: 'web' }),
  object('Pool', { name: 'web' }, { uuid: 'pool-blue', tenantUuid: 'tenant-blue' }),
  object('HealthMonitor', { name: 'h1' }),
);
const virtualService = typeNamed('VirtualService');
const made = (body: Record<string, unknown>, tenant = 'admin', type = virtualService) =>
  canonicalReferences(type, { name: 'vs', ...body } as never, tenant, view, pathOfType);

describe('a reference in a request', () => {
  for (const text of [
    '/api/pool/pool-web',
    'https://10.0.0.1:9443/api/pool/pool-web',
    'https://10.0.0.1/api/pool/pool-web#web',
    '/api/pool/pool-web#another name',
    '/api/pool?name=web',
    '/api/pool/?name=web',
    '/api/pool/?tenant=admin&name=web',
    '/api/pool?name=web&tenant=admin#x',
    'https://c.example/api/pool?name=web',
    'pool-web',
    'web',
  ]) {
    it(`is stored as path and uuid: ${text}`, () =>
      assert.equal(made({ pool_ref: text }).pool_ref, '/api/pool/pool-web'));
  }

  it('by name means the object of the own tenant, and else that of admin', () => {
    assert.equal(made({ pool_ref: '/api/pool?name=web' }, 'tenant-blue').pool_ref, '/api/pool/pool-blue');
    assert.equal(
      made({ pool_ref: '/api/pool?name=web&tenant=admin' }, 'tenant-blue').pool_ref,
      '/api/pool/pool-web',
    );
    assert.match(
      String(
        made({ application_profile_ref: '/api/applicationprofile?name=System-HTTP' }, 'tenant-blue')
          .application_profile_ref,
      ),
      /^\/api\/applicationprofile\/applicationprofile-/,
    );
  });

  it('is made canonical in lists, and taken out where it is empty', () => {
    const pool = made(
      { health_monitor_refs: ['/api/healthmonitor?name=h1', ''], ssl_profile_ref: null },
      'admin',
      typeNamed('Pool'),
    );
    assert.deepEqual(pool.health_monitor_refs, ['/api/healthmonitor/healthmonitor-h1']);
    assert.ok(!Object.hasOwn(pool, 'ssl_profile_ref'));
  });

  for (const text of [
    '/api/pool/pool-gone',
    '/api/pool?name=gone',
    '/api/pool?name=web&tenant=gone',
    '/api/pool/',
    'gone',
    '/api/pool?name=constructor',
  ]) {
    it(`is refused where nothing is there, with Avi's words, object and field: ${text}`, () =>
      assert.throws(() => made({ pool_ref: text }), {
        code: 'OBJECT_NOT_FOUND',
        detail: `Pool object not found! VirtualService "vs", pool_ref: ${text}`,
      }));
  }

  it('is refused where it names another type, or is no text', () => {
    assert.throws(() => made({ pool_ref: '/api/healthmonitor/healthmonitor-h1' }), {
      code: 'CONFIG_INVALID',
    });
    assert.throws(() => made({ pool_ref: { uuid: 'pool-web' } }), { code: 'CONFIG_INVALID' });
  });

  it('is read with nothing of its query but name and tenant', () => {
    assert.deepEqual(readReference('/api/pool?x=1&name=a%20b&tenant=t'), {
      kind: 'name',
      path: 'pool',
      name: 'a b',
      tenant: 't',
    });
  });
});
