import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { parseRingKeys, type RingKeys } from '@limpet/model';
import type { JsonObject } from '../json.ts';
import { createFakeClock, type FakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { createSecretBox } from '../store/secret-box.ts';
import { createTestVault, type TestVault } from '../store/test-vault.ts';
import { TicketKeyService } from './ticket-key-service.ts';

const HOUR_MS = 3_600_000;

describe('the ticket-key service', () => {
  let clock: FakeClock;
  let vault: TestVault;
  let service: TicketKeyService;
  /** By virtual service, the generation that its engine has acknowledged; absent: no live engine hosts it. */
  let held: Map<string, number>;
  let delivered: string[];
  let events: [string, JsonObject][];
  let periodMin: number;
  const secretBox = createSecretBox(systemRandom.bytes(32), systemRandom);

  const open = (): TicketKeyService =>
    new TicketKeyService(
      {
        ...{ store: vault, secretBox, clock, deadlines: clock.deadlines, random: systemRandom },
        delivery: {
          lagging: (uuid, generation) => {
            const known = held.get(uuid);
            return known === undefined || known === generation ? [] : ['engine-1'];
          },
          deliver: (uuids) => void delivered.push(...uuids),
        },
        rotatePeriodMin: () => periodMin,
        onEvent: (eventId, details) => void events.push([eventId, details]),
      },
      vault.records,
    );
  const keys = (uuid = 'vs'): RingKeys => parseRingKeys(service.ring(uuid)?.text ?? '');
  const generation = (uuid = 'vs'): number => service.ring(uuid)?.generation ?? -1;
  const count = (uuid = 'vs'): number => service.status(uuid)?.rotationCount ?? -1;
  /** Time goes on in steps, so that what one look begins is done before the next. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= Math.min(left, 60_000)) {
      clock.advance(Math.min(left, 60_000));
      for (let turns = 0; turns < 3; turns++) await turn();
    }
  }

  beforeEach(() => {
    clock = createFakeClock();
    vault = createTestVault();
    held = new Map();
    [delivered, events, periodMin] = [[], [], 360];
    service = open();
  });
  afterEach(() => {
    service.stop();
    assert.equal(clock.deadlines.size, 0);
  });

  it('keeps a ring for each virtual service, sealed, and has it again after a restart', async () => {
    await service.ensure([{ uuid: 'vs', ticketLifetimeS: 3600 }, { uuid: 'plain' }]);
    const text = service.ring('vs')?.text ?? '';
    assert.notEqual(text, service.ring('plain')?.text);
    const kept = JSON.stringify(vault.commits);
    for (const key of [keys().current.key, keys().next.key])
      assert.ok(!kept.includes(key.toString('base64')));
    service.stop();
    service = open();
    assert.equal(service.ring('vs')?.text, text);
    await service.retain((uuid) => uuid === 'vs');
    assert.equal(service.ring('plain'), undefined);
    assert.deepEqual(
      vault.records.map(({ id }) => id),
      ['vs'],
    );
  });

  it('rotates by the period, also across a restart, and never with period 0', async () => {
    await service.ensure([{ uuid: 'vs' }]);
    const { next } = keys();
    await pass(4 * HOUR_MS);
    service.stop();
    service = open();
    await pass(1.9 * HOUR_MS);
    assert.equal(count(), 0);
    await pass(0.2 * HOUR_MS);
    assert.equal(count(), 1);
    assert.ok(keys().current.key.equals(next.key));
    assert.deepEqual(delivered, ['vs']);
    periodMin = 0;
    await pass(24 * HOUR_MS);
    assert.equal(count(), 1);
  });

  it('does not rotate before every live engine holds the key that comes next, and says for whom it waits (R4)', async () => {
    await service.ensure([{ uuid: 'vs' }]);
    held.set('vs', generation() - 1);
    await pass(6.5 * HOUR_MS);
    assert.equal(count(), 0);
    assert.deepEqual(events, [['VS_KEY_ROTATION_DELAYED', { virtual_service: 'vs', engines: ['engine-1'] }]]);
    const refused = assert.rejects(service.rotate('vs'), { code: 'KEYS_TOO_SOON' });
    await pass(11_000);
    await refused;
    held.set('vs', generation());
    service.acknowledged();
    await pass(2000);
    assert.equal(count(), 1);
  });

  it('rotates on demand as soon as the engine that is waited for has the ring', async () => {
    await service.ensure([{ uuid: 'vs' }]);
    held.set('vs', generation() - 1);
    const rotated = service.rotate('vs');
    await turn();
    assert.equal(count(), 0);
    held.set('vs', generation());
    service.acknowledged();
    await rotated;
    assert.equal(count(), 1);
  });

  it('tries a rotation that could not be stored again, and tells of it once', async () => {
    await service.ensure([{ uuid: 'vs' }]);
    vault.fail(new Error('disk'));
    const { text } = service.ring('vs') ?? {};
    await pass(6.2 * HOUR_MS);
    assert.equal(service.ring('vs')?.text, text);
    assert.deepEqual(delivered, [], 'no engine is given what is not stored');
    assert.deepEqual(events, [['VS_KEY_ROTATION_FAILED', { virtual_service: 'vs', reason: 'disk' }]]);
    vault.fail(undefined);
    await pass(61_000);
    assert.equal(count(), 1);
  });

  it('destroys a ring whole: no key of it is left, here or in what is stored', async () => {
    await service.ensure([{ uuid: 'vs' }, { uuid: 'other' }]);
    const before = keys();
    const other = service.ring('other')?.text;
    // Not waiting for an engine that holds the keys that somebody knows.
    held.set('vs', -1);
    await service.destroy(['vs']);
    const known = [before.next, before.current].map(({ key }) => key.toString('hex'));
    for (const { key } of [keys().next, keys().current]) assert.ok(!known.includes(key.toString('hex')));
    assert.deepEqual(keys().previous, []);
    assert.equal(service.ring('vs')?.destroyedGeneration, generation());
    assert.equal(service.ring('other')?.text, other);
    assert.deepEqual(delivered, ['vs']);
    assert.equal(vault.records.filter(({ id }) => id === 'vs').length, 1);
  });

  it('leaves an engine that was revoked no key to seal by: another next, and the rotation as soon as the others have it (R17)', async () => {
    await service.ensure([{ uuid: 'vs' }]);
    const known = keys();
    held.set('vs', generation());
    await service.outdate(['vs']);
    assert.ok(keys().current.key.equals(known.current.key), 'what others cannot open yet seals nothing');
    assert.ok(!keys().next.key.equals(known.next.key));
    await pass(5000);
    assert.equal(count(), 0);
    service.stop();
    service = open();
    held.set('vs', generation());
    service.acknowledged();
    await pass(2000);
    assert.equal(count(), 1);
    assert.ok(!keys().current.key.equals(known.next.key) && !keys().current.key.equals(known.current.key));
    assert.ok(keys().previous[0]?.key.equals(known.current.key), 'mappings that are out stay good');
    await pass(HOUR_MS);
    assert.equal(count(), 1, 'once');
  });

  it('gives a ring the lifetime of its tickets and the period, and rotates no more often than it has keys', async () => {
    periodMin = 1;
    await service.ensure([{ uuid: 'vs', ticketLifetimeS: 14 * 3600 }]);
    assert.equal(service.ring('vs')?.rotatePeriodS, 3600);
    periodMin = 120;
    await pass(2000);
    assert.equal(service.ring('vs')?.rotatePeriodS, 7200);
    await service.ensure([{ uuid: 'vs', ticketLifetimeS: 600 }]);
    assert.equal(service.ring('vs')?.ticketLifetimeS, 600);
    assert.deepEqual(new Set(delivered), new Set(['vs']));
    const commits = vault.commits.length;
    await service.ensure([{ uuid: 'vs', ticketLifetimeS: 600 }]);
    assert.equal(vault.commits.length, commits, 'what is right already is not stored again');
  });
});
