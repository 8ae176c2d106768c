import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changeEvents } from './change-events.ts';
import type { ControllerObject } from './object-view.ts';

const object = (name: string): ControllerObject => ({
  ...{ type: 'Pool', uuid: `pool-${name}`, tenantUuid: 'admin', name, body: { name } },
  ...{ secrets: new Map([['key', 'SECRET']]), lastModifiedUs: 1 },
});
const actor = { user: 'alice', address: '10.0.0.9' };

describe('the events of a change', () => {
  it('say who did what to which object, and nothing of what is in it', () => {
    const [a, b] = [object('a'), object('b')];
    const events = changeEvents(
      [{ after: a }, { before: a, after: b }, { before: b }],
      actor,
      'POST /api/macro',
      7,
    );
    const common = { user: 'alice', client_ip: '10.0.0.9', summary: 'POST /api/macro', version: 7 };
    assert.deepEqual(events, [
      {
        eventId: 'CONFIG_CREATE',
        details: { obj_type: 'Pool', obj_uuid: 'pool-a', obj_name: 'a', ...common },
      },
      {
        eventId: 'CONFIG_UPDATE',
        details: { obj_type: 'Pool', obj_uuid: 'pool-b', obj_name: 'b', ...common },
      },
      {
        eventId: 'CONFIG_DELETE',
        details: { obj_type: 'Pool', obj_uuid: 'pool-b', obj_name: 'b', ...common },
      },
    ]);
    assert.doesNotMatch(JSON.stringify(events), /SECRET/);
  });

  it('of a change of everything are a hundred, and one that says how many there were more', () => {
    const events = changeEvents(
      Array.from({ length: 150 }, (_, index) => ({ after: object(`${index}`) })),
      { user: 'system' },
      'roll back',
      8,
    );
    assert.equal(events.length, 101);
    assert.deepEqual([events[100]?.eventId, events[100]?.details.count], ['CONFIG_MORE', 50]);
  });
});
