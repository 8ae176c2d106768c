import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deepFreeze } from '@limpet/model';
import fc from 'fast-check';
import type { JsonObject } from '../json.ts';
import { ImmutableView, type ViewEdit } from './immutable-view.ts';
import { referencesOf } from './object-references.ts';
import type { ControllerObject } from './object-view.ts';

function object(type: string, uuid: string, body: JsonObject = {}, name = uuid): ControllerObject {
  const about = { type, uuid, tenantUuid: 'admin', name, secrets: new Map(), lastModifiedUs: 1 };
  return Object.freeze({ ...about, body: deepFreeze({ name, ...body }) });
}

const put = (one: ControllerObject): ViewEdit => ({ kind: 'put', object: one });

describe('a view', () => {
  const pool = object('Pool', 'p', {
    health_monitor_refs: ['/api/healthmonitor/a', '/api/healthmonitor/b'],
    fail_action: { backup_pool: { backup_pool_ref: '/api/pool/q' } },
  });
  const view = ImmutableView.of(
    [object('HealthMonitor', 'a'), object('HealthMonitor', 'b'), object('Pool', 'q'), pool],
    1,
  );

  it('finds objects by uuid and by name, in order of creation', () => {
    assert.equal(view.get('Pool', 'p'), pool);
    assert.equal(view.find('Pool', 'admin', 'p'), pool);
    assert.equal(view.find('Pool', 'other', 'p'), undefined);
    assert.deepEqual(
      view.list('Pool').map(({ uuid }) => uuid),
      ['q', 'p'],
    );
    assert.equal(view.list('Pool'), view.list('Pool'));
  });

  it('knows who refers to whom', () => {
    assert.deepEqual(view.referrers('HealthMonitor', 'b'), [pool]);
    assert.deepEqual(view.referrers('Pool', 'q'), [pool]);
    assert.deepEqual(view.referrers('Pool', 'p'), []);
    assert.deepEqual(
      view
        .referred(pool)
        .map(({ uuid }) => uuid)
        .sort(),
      ['a', 'b', 'q'],
    );
  });

  it('stays what it is when another is made of it, which shares what is not changed', () => {
    const renamed = object('Pool', 'p', { health_monitor_refs: ['/api/healthmonitor/b'] }, 'other');
    const next = view.with([put(renamed), { kind: 'delete', type: 'HealthMonitor', uuid: 'a' }], 2);
    assert.equal(view.get('Pool', 'p'), pool);
    assert.equal(view.find('Pool', 'admin', 'p'), pool);
    assert.equal(view.find('Pool', 'admin', 'other'), undefined);
    assert.deepEqual(view.referrers('HealthMonitor', 'a'), [pool]);
    assert.equal(next.revision, 2);
    assert.equal(next.find('Pool', 'admin', 'p'), undefined);
    assert.equal(next.find('Pool', 'admin', 'other'), renamed);
    assert.deepEqual(next.referrers('HealthMonitor', 'a'), []);
    assert.deepEqual(next.referrers('Pool', 'q'), []);
    assert.deepEqual(next.referrers('HealthMonitor', 'b'), [renamed]);
    assert.equal(next.get('Pool', 'q'), view.get('Pool', 'q'));
    assert.deepEqual(
      next.list('Pool').map(({ uuid }) => uuid),
      ['q', 'p'],
    );
  });

  it('lets a name go to another object in one change', () => {
    const next = view.with([put(object('Pool', 'p', {}, 'q')), put(object('Pool', 'q', {}, 'p'))], 2);
    assert.equal(next.find('Pool', 'admin', 'q')?.uuid, 'p');
    assert.equal(next.find('Pool', 'admin', 'p')?.uuid, 'q');
  });
});

describe('a view made by any edits', () => {
  it('is the same as one made of its objects', () => {
    const uuid = fc.constantFrom('a', 'b', 'c', 'd');
    const change = fc.oneof(
      fc
        .tuple(uuid, uuid, uuid)
        .map(([own, name, target]) =>
          put(
            object(
              'Pool',
              own,
              { fail_action: { backup_pool: { backup_pool_ref: `/api/pool/${target}` } } },
              `${own}-${name}`,
            ),
          ),
        ),
      uuid.map((own): ViewEdit => ({ kind: 'delete', type: 'Pool', uuid: own })),
    );
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 8 }), (rounds) => {
        const view = rounds.reduce((made, edits, index) => made.with(edits, index), ImmutableView.of([], 0));
        const whole = ImmutableView.of([...view.all()], 0);
        for (const own of ['a', 'b', 'c', 'd']) {
          const key = (list: readonly ControllerObject[]) => list.map((one) => one.uuid).sort();
          assert.equal(view.get('Pool', own), whole.get('Pool', own));
          assert.deepEqual(key(view.referrers('Pool', own)), key(whole.referrers('Pool', own)));
          for (const name of ['a', 'b', 'c', 'd'])
            assert.equal(
              view.find('Pool', 'admin', `${own}-${name}`),
              whole.find('Pool', 'admin', `${own}-${name}`),
            );
        }
      }),
    );
  });
});

describe('the references of an object', () => {
  it('are told with their fields, also those that lead nowhere', () => {
    const { type, body } = object('VirtualService', 'v', {
      pool_ref: '/api/vsvip/p',
      ssl_key_and_certificate_refs: ['/api/sslkeyandcertificate/c', 'by-name'],
      services: [{ port: 1 }, { port: 2, override_network_profile_ref: '/api/networkprofile/n' }],
    });
    assert.deepEqual(
      referencesOf({ type, body }).map(({ field, type: of, uuid }) => [field, of, uuid]),
      [
        ['pool_ref', 'Pool', undefined],
        ['services[1].override_network_profile_ref', 'NetworkProfile', 'n'],
        ['ssl_key_and_certificate_refs[0]', 'SSLKeyAndCertificate', 'c'],
        ['ssl_key_and_certificate_refs[1]', 'SSLKeyAndCertificate', undefined],
      ],
    );
  });
});
