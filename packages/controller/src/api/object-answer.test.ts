import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONTROLLER_VERSION } from './api-version.ts';
import { readShown } from './collection-query.ts';
import { answerObject } from './object-answer.ts';
import { object, typeNamed, viewOf } from './test-objects.ts';

const monitor = object('HealthMonitor', { name: 'h1', type: 'HEALTH_MONITOR_TCP' });
const pool = object('Pool', {
  name: 'web',
  default_server_port: 80,
  lb_algorithm: 'LB_ALGORITHM_ROUND_ROBIN',
  tenant_ref: '/api/tenant/admin',
  health_monitor_refs: [`/api/healthmonitor/${monitor.uuid}`],
});
const certificate = object(
  'SSLKeyAndCertificate',
  { name: 'c', certificate: { certificate: 'PEM' } },
  { secrets: new Map([['key', 'SECRET']]) },
);
const view = viewOf(monitor, pool, certificate);
const origin = 'https://c.example:9443';

function shown(one: typeof pool, query = '', version = CONTROLLER_VERSION) {
  const form = { ...readShown(new URLSearchParams(query)), view, origin, version, nowS: 1_800_000_000 };
  return answerObject(typeNamed(one.type), one, form);
}

describe('an object in an answer', () => {
  it('has url, uuid, name, its defaults and when it was changed, as text', () => {
    const answer = shown(pool);
    assert.deepEqual(
      [answer.url, answer.uuid, answer.name, answer._last_modified],
      [`${origin}/api/pool/pool-web`, 'pool-web', 'web', '1000000'],
    );
    assert.equal(answer.connection_ramp_duration, 10);
    assert.deepEqual(answer.health_monitor_refs, [`${origin}/api/healthmonitor/healthmonitor-h1`]);
    assert.match(String(answer.cloud_ref), /\/api\/cloud\/cloud-/);
  });

  it('has names behind url and references where they are asked for', () => {
    const answer = shown(pool, 'include_name');
    assert.equal(answer.url, `${origin}/api/pool/pool-web#web`);
    assert.equal(answer.tenant_ref, `${origin}/api/tenant/admin#admin`);
    assert.deepEqual(answer.health_monitor_refs, [`${origin}/api/healthmonitor/healthmonitor-h1#h1`]);
    assert.match(String(answer.cloud_ref), /#Default-Cloud$/);
  });

  it('is without what has its default where that is asked for', () => {
    const answer = shown(pool, 'skip_default=true');
    assert.deepEqual(Object.keys(answer).sort(), [
      '_last_modified',
      'health_monitor_refs',
      'lb_algorithm',
      'name',
      'tenant_ref',
      'url',
      'uuid',
    ]);
  });

  it('has the fields that are asked for, and always url, uuid and name', () => {
    assert.deepEqual(Object.keys(shown(pool, 'fields=lb_algorithm,gone')), [
      'url',
      'uuid',
      'name',
      'lb_algorithm',
    ]);
  });

  it('never has a secret', () => {
    for (const query of ['', 'skip_default', 'fields=key']) {
      const answer = shown(certificate, query);
      assert.equal(answer.key, '<sensitive>', query);
      assert.doesNotMatch(JSON.stringify(answer), /SECRET/);
    }
  });

  it('is as the version of the request knows it', () => {
    assert.ok(Object.hasOwn(shown(pool), 'append_port'));
    assert.ok(!Object.hasOwn(shown(pool, '', '18.2.6'), 'append_port'));
  });
});
