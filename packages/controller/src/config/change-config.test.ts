import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, LimpetError } from '@limpet/model';
import { createSelfSigned } from '@limpet/testkit';
import type { JsonObject } from '../json.ts';
import type { ObjectEdit } from './configuration.ts';
import {
  type Bed,
  engine,
  group,
  keyAndCertificate,
  type MemoryStore,
  object,
  pool,
  remove,
  startBed,
  virtualService,
} from './test-configuration.ts';

/** Two engines, one virtual service with TLS and its pool. */
async function startServing(store?: MemoryStore): Promise<Bed> {
  const bed = await startBed(store);
  await bed.put(
    engine('se-1'),
    engine('se-2'),
    group({ min_scaleout_per_vs: 2 }),
    keyAndCertificate(),
    pool('pool'),
    virtualService('vs', 8443),
  );
  return bed;
}

/** Asserts that nothing was stored, nothing published, and what is said of it. */
async function assertRefused(
  bed: Bed,
  edits: readonly ObjectEdit[],
  code: ErrorCode,
  said: RegExp,
): Promise<void> {
  const [view, commits, calls] = [bed.configuration.view, bed.store.commits, bed.publisher.calls.length];
  await assert.rejects(bed.put(...edits), (error) => {
    assert.ok(error instanceof LimpetError, String(error));
    assert.equal(error.code, code, error.message);
    const text = error.problems.map(
      (one) => `${one.objectType} ${one.objectName} ${one.field} ${one.message}`,
    );
    assert.match([error.detail, ...text].join('\n'), said);
    return true;
  });
  assert.equal(bed.configuration.view, view);
  assert.equal(bed.store.commits, commits);
  assert.equal(bed.publisher.calls.length, calls);
}

describe('a change', () => {
  it('leaves a superuser who is active, since nobody else could make one', async () => {
    const bed = await startBed();
    const user = (name: string, body: JsonObject) =>
      object('User', name, { username: name, is_superuser: true, ...body });
    await bed.put(user('admin', {}), user('former', { is_active: false }));
    const said = /User admin is_superuser is the last active superuser/;
    await assertRefused(bed, [user('admin', { is_superuser: false })], 'CONFIG_INVALID', said);
    await assertRefused(bed, [user('admin', { is_active: false })], 'CONFIG_INVALID', said);
    await assertRefused(bed, [remove('User', 'admin')], 'CONFIG_INVALID', said);
    await bed.put(user('former', {}), remove('User', 'admin'));
  });

  it('is stored, compiled and published to the engines that it concerns, in one', async () => {
    const bed = await startServing();
    assert.equal(bed.configuration.view.revision, 1);
    assert.deepEqual(bed.publisher.calls, [['se-1', 'se-2']]);
    const had = bed.publisher.engines.get('se-1')?.compiled;
    assert.equal(had?.snapshot.virtualServices[0]?.uuid, 'vs');
    assert.equal(had?.secrets.size, 1);
    const outcome = await bed.put(pool('pool', { lb_algorithm: 'LB_ALGORITHM_ROUND_ROBIN' }));
    assert.equal(outcome.view.revision, 2);
    const has = bed.publisher.engines.get('se-1');
    assert.equal(has?.revision, 2);
    assert.equal(has?.compiled.snapshot.pools[0]?.algorithm, 'round-robin');
    // What is not changed is the same object.
    assert.equal(has?.compiled.snapshot.virtualServices[0], had?.snapshot.virtualServices[0]);
  });

  it('that concerns no engine is published to none', async () => {
    const bed = await startServing();
    await bed.put(object('Tenant', 'tenant-1', { name: 'other' }), pool('unused'));
    assert.equal(bed.publisher.calls.length, 1);
    assert.equal(bed.configuration.view.revision, 2);
  });

  it('that puts again what is there is none', async () => {
    const bed = await startServing();
    const outcome = await bed.put(keyAndCertificate(), virtualService('vs', 8443));
    assert.deepEqual([outcome.changed, outcome.view.revision], [[], 1]);
    assert.equal(bed.store.commits, 1);
    // Not even where the fields stand in another order; but with what else is changed.
    const { body } = pool('pool').object;
    const turned = Object.fromEntries(Object.entries(body).reverse());
    const other = await bed.put(object('Pool', 'pool', turned), pool('pool-2'));
    assert.deepEqual(
      other.changed.map(({ after }) => after?.uuid),
      ['pool-2'],
    );
  });

  it('seals secrets, and opens them when the Controller starts again', async () => {
    const bed = await startServing();
    const stored = bed.store.objects.get('SSLKeyAndCertificate certificate');
    assert.doesNotMatch(JSON.stringify(stored), /PRIVATE KEY/);
    const again = await startBed(bed.store);
    assert.match(
      again.configuration.view.get('SSLKeyAndCertificate', 'certificate')?.secrets.get('key') ?? '',
      /PRIVATE KEY/,
    );
    assert.deepEqual(
      again.publisher.engines.get('se-1')?.compiled,
      bed.publisher.engines.get('se-1')?.compiled,
    );
  });

  it('that is a dry run says what would be, and does nothing', async () => {
    const bed = await startServing();
    const before = bed.configuration.view;
    const outcome = await bed.configuration.change({
      actor: { user: 'tester' },
      summary: 'test',
      dryRun: true,
      edit: () => [pool('pool', { default_server_port: 81 }), pool('new')],
    });
    assert.deepEqual(
      outcome.changed.map(({ before, after }) => [before?.uuid, after?.uuid]),
      [
        ['pool', 'pool'],
        [undefined, 'new'],
      ],
    );
    assert.equal(bed.configuration.view, before);
    assert.equal(bed.store.commits, 1);
    assert.equal(bed.publisher.calls.length, 1);
  });

  it('is made of the view of its turn, whatever changed since it was asked for', async () => {
    const bed = await startServing();
    const seen: number[] = [];
    const change = () =>
      bed.configuration.change({
        actor: { user: 'tester' },
        summary: 'test',
        edit: (view) => {
          seen.push(view.list('Pool').length);
          return [pool(`pool-${view.list('Pool').length}`)];
        },
      });
    await Promise.all([change(), change(), change()]);
    assert.deepEqual(seen, [1, 2, 3]);
  });

  it('that fails leaves the next ones their turn', async () => {
    const bed = await startServing();
    const failing = bed.put(virtualService('vs-2', 8443));
    const following = bed.put(pool('pool-2'));
    await assert.rejects(failing);
    assert.equal((await following).view.revision, 2);
  });

  it('of a persistence profile changes every pool that uses it, in one snapshot', async () => {
    const bed = await startServing();
    const profile = (persistence_type: string) =>
      object('ApplicationPersistenceProfile', 'profile', { persistence_type });
    const uses = { application_persistence_profile_ref: '/api/applicationpersistenceprofile/profile' };
    await bed.put(
      profile('PERSISTENCE_TYPE_TLS'),
      pool('pool', uses),
      pool('pool-2', uses),
      virtualService('vs-2', 8444, { pool_ref: '/api/pool/pool-2' }),
    );
    const calls = bed.publisher.calls.length;
    await bed.put(profile('PERSISTENCE_TYPE_HTTP_COOKIE'));
    assert.equal(bed.publisher.calls.length, calls + 1);
    const pools = bed.publisher.engines.get('se-2')?.compiled.snapshot.pools;
    assert.deepEqual(
      pools?.map(({ persistence }) => persistence.kind),
      ['http-cookie', 'http-cookie'],
    );
  });

  it('of many objects with one that is wrong is not made at all', async () => {
    const bed = await startServing();
    await assertRefused(
      bed,
      [pool('pool-2'), pool('pool-3', { servers: [] })],
      'CONFIG_INVALID',
      /Pool pool-3 servers/,
    );
  });

  it('notices what has no effect, of what it changes and of nothing else', async () => {
    const bed = await startServing();
    const first = await bed.put(virtualService('vs-2', 8444, { weight: 2, se_group_ref: undefined }));
    assert.deepEqual(
      first.notices.map(({ objectName, field }) => [objectName, field]),
      [['vs-2', 'weight']],
    );
    const second = await bed.put(object('Tenant', 'tenant-1', { name: 'other', enforce_label_group: true }));
    assert.deepEqual(
      second.notices.map(({ field }) => field),
      ['enforce_label_group'],
    );
  });
});

describe('a change is refused', () => {
  const refused: readonly (readonly [
    what: string,
    edits: readonly ObjectEdit[],
    code: ErrorCode,
    said: RegExp,
  ])[] = [
    [
      'with a dangling reference',
      [virtualService('vs-2', 1, { pool_ref: '/api/pool/none' })],
      'CONFIG_INVALID',
      /VirtualService vs-2 pool_ref there is no Pool "\/api\/pool\/none"/,
    ],
    [
      'with a dangling reference of a disabled virtual service',
      [virtualService('vs-2', 1, { enabled: false, network_profile_ref: '/api/networkprofile/none' })],
      'CONFIG_INVALID',
      /network_profile_ref there is no NetworkProfile/,
    ],
    [
      'with a reference to another type',
      [virtualService('vs-2', 1, { pool_ref: '/api/vsvip/pool' })],
      'CONFIG_INVALID',
      /pool_ref/,
    ],
    [
      'with two virtual services on one address and port',
      [virtualService('vs-2', 8443)],
      'CONFIG_INVALID',
      /VirtualService vs-2 services\[0\]\.port .*belongs to virtual service "vs"/,
    ],
    [
      'with a pool without servers',
      [pool('pool', { servers: [] })],
      'CONFIG_INVALID',
      /Pool pool servers is empty/,
    ],
    [
      'with TLS persistence where nothing terminates HTTPS',
      [
        pool('pool-2', {
          application_persistence_profile_ref:
            '/api/applicationpersistenceprofile/applicationpersistenceprofile-f7c32132-1f56-501b-9e8d-b2e0a623518b',
        }),
        virtualService('vs-2', 1, { services: [{ port: 80 }], pool_ref: '/api/pool/pool-2' }),
      ],
      'CONFIG_INVALID',
      /VirtualService vs-2 services .*TLS persistence/,
    ],
    [
      'with a value out of range',
      [pool('pool', { default_server_port: 70_000 })],
      'CONFIG_INVALID',
      /Pool pool default_server_port/,
    ],
    [
      'with a value out of range of a type that no file has',
      [object('ControllerProperties', 'ControllerProperties', { api_idle_timeout: 1441 })],
      'CONFIG_INVALID',
      /api_idle_timeout/,
    ],
    [
      'with a name that is taken',
      [object('Pool', 'pool-2', { name: 'pool', servers: [{ ip: { addr: '10.0.0.1', type: 'V4' } }] })],
      'NAME_TAKEN',
      /Pool object with name pool already exists!/,
    ],
    [
      'with two objects of one name at once',
      [pool('pool-2', { name: 'same' }), pool('pool-3', { name: 'same' })],
      'NAME_TAKEN',
      /same/,
    ],
    [
      'with a certificate that cannot be read',
      [object('SSLKeyAndCertificate', 'c', { certificate: { certificate: 'none' } }, { key: 'none' })],
      'CONFIG_INVALID',
      /SSLKeyAndCertificate c certificate\.certificate/,
    ],
    [
      'with an authority that cannot be read',
      [
        object('SSLKeyAndCertificate', 'c', {
          type: 'SSL_CERTIFICATE_TYPE_CA',
          certificate: { certificate: 'none' },
        }),
      ],
      'CONFIG_INVALID',
      /certificate\.certificate/,
    ],
    [
      'with a group whose bounds are crossed',
      [group({ min_scaleout_per_vs: 5 })],
      'CONFIG_INVALID',
      /min_scaleout_per_vs is more than/,
    ],
    [
      'with a cloud of which it knows nothing',
      [object('Cloud', 'cloud-2', { vtype: 'CLOUD_AWS' })],
      'CONFIG_INVALID',
      /vtype/,
    ],
    [
      'when it deletes what others refer to',
      [remove('Pool', 'pool')],
      'OBJECT_REFERRED',
      /^Cannot delete, object is referred by: \['VirtualService vs'\]/,
    ],
    ['when it deletes a default object', [remove('Tenant', 'admin')], 'SYSTEM_OBJECT', /default object/],
    [
      'when it deletes what is not there',
      [remove('Pool', 'none')],
      'OBJECT_NOT_FOUND',
      /Pool object not found!/,
    ],
    [
      'in a tenant that is not there',
      [object('Tenant', 'tenant-1', { name: 'other' }), object('VsVip', 'v', {}, {}, 'tenant-2')],
      'CONFIG_INVALID',
      /tenant_ref there is no Tenant "tenant-2"/,
    ],
    [
      'when it refers to an object of another tenant',
      [
        object('Tenant', 'tenant-1', { name: 'other' }),
        object('Tenant', 'tenant-2', { name: 'third' }),
        object('VsVip', 'v', {}, {}, 'tenant-1'),
        object('VirtualService', 'w', { enabled: false, vsvip_ref: '/api/vsvip/v' }, {}, 'tenant-2'),
      ],
      'CONFIG_INVALID',
      /vsvip_ref VsVip "v" belongs to another tenant/,
    ],
  ];
  for (const [what, edits, code, said] of refused) {
    it(what, async () => {
      await assertRefused(await startServing(), edits, code, said);
    });
  }

  it('with a network profile that is not of a TCP proxy, given or changed', async () => {
    const bed = await startServing();
    const profile = (type: string) => object('NetworkProfile', 'n', { profile: { type } });
    const user = virtualService('vs-2', 8444, { network_profile_ref: '/api/networkprofile/n' });
    await assertRefused(
      bed,
      [profile('PROTOCOL_TYPE_UDP_PROXY'), user],
      'CONFIG_INVALID',
      /network_profile_ref "n" is of PROTOCOL_TYPE_UDP_PROXY/,
    );
    const { notices } = await bed.put(profile('PROTOCOL_TYPE_TCP_PROXY'), user);
    assert.deepEqual(notices, []);
    await assertRefused(
      bed,
      [profile('PROTOCOL_TYPE_UDP_PROXY')],
      'CONFIG_INVALID',
      /profile\.type must be PROTOCOL_TYPE_TCP_PROXY: VirtualService "vs-2"/,
    );
  });

  it('with a certificate that does not fit its key', async () => {
    const other = await createSelfSigned({ dnsNames: ['other.test'] });
    const bed = await startServing();
    const wrong = {
      certificatePem: other.certificatePem,
      privateKeyPem: keyAndCertificate().object.secrets.get('key') ?? '',
    };
    await assertRefused(
      bed,
      [keyAndCertificate('c', wrong)],
      'CONFIG_INVALID',
      /SSLKeyAndCertificate c key does not belong/,
    );
  });

  it('with a certificate that has expired, and not for one that expires while it is here', async () => {
    const bed = await startServing();
    const expired = await createSelfSigned({ dnsNames: ['old.test'], days: -1 });
    await assertRefused(
      bed,
      [keyAndCertificate('c', expired)],
      'CONFIG_INVALID',
      /certificate\.certificate has expired/,
    );
    bed.nowMs += 1000 * 86_400_000;
    await bed.put(pool('pool-2'));
    // Also where the object is changed, and its certificate is not.
    const { object: stored } = keyAndCertificate();
    await bed.put({ kind: 'put', object: { ...stored, body: { ...stored.body, created_by: 'ann' } } });
    assert.equal(bed.configuration.view.revision, 3);
  });
});

describe('what others refer to', () => {
  it('can be deleted together with them', async () => {
    const bed = await startServing();
    await bed.put(remove('Pool', 'pool'), remove('VirtualService', 'vs'));
    assert.deepEqual(bed.publisher.engines.get('se-1')?.compiled.snapshot.virtualServices, []);
    assert.equal(bed.publisher.engines.get('se-1')?.compiled.secrets.size, 0);
  });

  it('is a tenant for all that belongs to it', async () => {
    const bed = await startServing();
    await bed.put(object('Tenant', 'tenant-1', { name: 'other' }), object('VsVip', 'v', {}, {}, 'tenant-1'));
    await assertRefused(bed, [remove('Tenant', 'tenant-1')], 'OBJECT_REFERRED', /\['VsVip v'\]/);
    await bed.put(remove('VsVip', 'v'), remove('Tenant', 'tenant-1'));
  });
});

describe('tenants', () => {
  it('have names of their own, and each its own default profiles', async () => {
    const bed = await startServing();
    const other = 'tenant-1';
    await bed.put(
      object('Tenant', other, { name: 'other' }),
      object(
        'Pool',
        'pool-2',
        { name: 'pool', servers: [{ ip: { addr: '10.0.0.9', type: 'V4' } }] },
        {},
        other,
      ),
      object(
        'ApplicationProfile',
        'ap',
        { name: 'System-HTTP', type: 'APPLICATION_PROFILE_TYPE_HTTP', http_profile: { xff_enabled: false } },
        {},
        other,
      ),
    );
    const ofOther = virtualService('vs-2', 8444, {
      name: 'vs',
      pool_ref: '/api/pool/pool-2',
      services: [{ port: 8444 }],
      ssl_key_and_certificate_refs: [],
    });
    await bed.put({ kind: 'put', object: { ...ofOther.object, tenantUuid: other } });
    const snapshot = bed.publisher.engines.get('se-1')?.compiled.snapshot;
    assert.deepEqual(
      snapshot?.virtualServices.map(({ uuid, name, poolUuid }) => [uuid, name, poolUuid]),
      [
        ['vs', 'vs', 'pool'],
        ['vs-2', 'vs', 'pool-2'],
      ],
    );
    // What is not said stands for the system's profile, not for another of its name.
    assert.equal(snapshot?.virtualServices[1]?.http.forwardedFor.enabled, true);
  });
});

describe('groups of engines', () => {
  it('may have one address each', async () => {
    const bed = await startServing();
    await bed.put(
      object('ServiceEngineGroup', 'group-2', {}),
      engine('se-3', { se_group_ref: '/api/serviceenginegroup/group-2' }),
    );
    await bed.put(virtualService('vs-2', 8443, { se_group_ref: '/api/serviceenginegroup/group-2' }));
    const hosted = (uuid: string) =>
      bed.publisher.engines.get(uuid)?.compiled.snapshot.virtualServices.map((one) => one.uuid);
    assert.deepEqual([hosted('se-1'), hosted('se-2'), hosted('se-3')], [['vs'], ['vs'], ['vs-2']]);
  });
});

describe('a default object', () => {
  it('is there, can be edited, and keeps its uuid and name', async () => {
    const bed = await startServing();
    const profile = bed.configuration.view.find('SSLProfile', 'admin', 'System-Standard');
    assert.ok(profile !== undefined);
    const { lastModifiedUs: _, ...rest } = profile;
    await bed.put({ kind: 'put', object: { ...rest, body: { ...profile.body, ssl_session_timeout: 60 } } });
    assert.equal(
      bed.publisher.engines.get('se-1')?.compiled.snapshot.virtualServices[0]?.tls?.sessionTimeoutS,
      60,
    );
    const again = await startBed(bed.store);
    assert.equal(again.configuration.view.get('SSLProfile', profile.uuid)?.body.ssl_session_timeout, 60);
    const renamed = { ...rest, name: 'other', body: { ...profile.body, name: 'other' } };
    await assertRefused(
      bed,
      [{ kind: 'put', object: renamed }],
      'CONFIG_INVALID',
      /name is that of a system default object/,
    );
  });
});

describe('a store that is not valid by the rules of this release', () => {
  it('leaves the engines what they have, is told, and lets itself be mended', async () => {
    const bed = await startServing();
    const stored = bed.store.objects.get('Pool pool');
    assert.ok(stored !== undefined);
    bed.store.objects.set('Pool pool', { ...stored, body: { ...stored.body, servers: [] } });
    const again = await startBed(bed.store);
    assert.deepEqual(again.events, ['CONFIG_INVALID']);
    assert.deepEqual(again.publisher.calls, []);
    await again.put(pool('pool'));
    assert.deepEqual(again.publisher.calls, [['se-1', 'se-2']]);
  });
});
