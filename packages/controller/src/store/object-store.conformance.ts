// The conformance suite of stores: what every implementation promises, whatever it keeps things in.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type ErrorCode, LimpetError } from '@limpet/model/errors';
import { systemRandom } from '../lifecycle/random.ts';
import type { Commit, ObjectStore, StoredObject, VaultRecord } from './object-store.ts';
import { createResealing, createSecretBox } from './secret-box.ts';

/** A place where a store can be opened, again and again, and whoever opens it finds what was there. */
export interface StorePlace {
  open(): Promise<ObjectStore>;
  remove(): Promise<void>;
}

const ACTOR = { user: 'admin', address: '192.0.2.1' };

export function pool(uuid: string, changes: Partial<StoredObject> = {}): StoredObject {
  return {
    type: 'Pool',
    uuid,
    tenantUuid: 'admin',
    name: uuid,
    body: { name: uuid, servers: [{ ip: { addr: '10.0.0.1', type: 'V4' }, port: 80 }] },
    sealed: {},
    lastModifiedUs: 1_700_000_000_000_001,
    ...changes,
  };
}

export function commitOf(expectedRevision: number, changes: Partial<Commit> = {}): Commit {
  return {
    expectedRevision,
    atUs: 1_700_000_000_000_000 + expectedRevision,
    actor: ACTOR,
    summary: 'POST /api/pool',
    objects: [],
    vault: [],
    ...changes,
  };
}

export function put(...objects: readonly StoredObject[]): Pick<Commit, 'objects'> {
  return { objects: objects.map((object) => ({ kind: 'put', object })) };
}

export async function assertRejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof LimpetError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** @param eventsMax how many events the store keeps. */
export function describeObjectStore(
  name: string,
  eventsMax: number,
  makePlace: () => Promise<StorePlace>,
): void {
  describe(`the ${name} store`, () => {
    let place: StorePlace;
    let store: ObjectStore;
    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = await place.open();
    };

    it('is empty at first, at revision 0', async () => {
      assert.deepEqual(await store.readAll(), { revision: 0, objects: [], vault: [] });
      assert.deepEqual(await store.history({ limit: 10 }), []);
      assert.deepEqual(await store.readEvents({ limit: 10 }), []);
      assert.deepEqual(await store.objectsAt(0), []);
    });

    it('gives back objects as they were put, in the order in which they were made, also when opened again', async () => {
      const odd = pool('pool-b', {
        name: 'été "x" \u{1f980}',
        body: { a: null, list: [1.5, '\u0000', { deep: true }], big: Number.MAX_SAFE_INTEGER },
        sealed: { 'a.key': 'limpet-sealed' },
      });
      assert.equal(await store.commit(commitOf(0, put(pool('pool-c'), odd))), 1);
      assert.equal(await store.commit(commitOf(1, put(pool('pool-a')))), 2);
      const changed = pool('pool-c', { name: 'renamed', lastModifiedUs: 1_700_000_000_000_002 });
      assert.equal(await store.commit(commitOf(2, put(changed))), 3);
      const expected = { revision: 3, objects: [changed, odd, pool('pool-a')], vault: [] };
      assert.deepEqual(await store.readAll(), expected);
      await reopen();
      assert.deepEqual(await store.readAll(), expected);
    });

    it('makes no revision where no object is edited, and keeps the vault apart from history', async () => {
      const record: VaultRecord = { kind: 'ring', id: 'virtualservice-1', value: { sealed: 'x', n: 1 } };
      const changed: VaultRecord = { ...record, value: { sealed: 'y' } };
      const other: VaultRecord = { kind: 'ca', id: '', value: {} };
      assert.equal(await store.commit(commitOf(0, { vault: [{ kind: 'put', record }] })), 0);
      assert.deepEqual((await store.readAll()).vault, [record]);
      const edits: Commit['vault'] = [
        { kind: 'put', record: changed },
        { kind: 'put', record: other },
      ];
      const { expectedRevision: _, ...whatever } = commitOf(0, { vault: edits });
      await store.commit(whatever);
      assert.deepEqual((await store.readAll()).vault, [other, changed]);
      await store.commit(
        commitOf(0, { vault: [{ kind: 'delete', recordKind: 'ring', id: 'virtualservice-1' }] }),
      );
      assert.deepEqual(await store.readAll(), { revision: 0, objects: [], vault: [other] });
      assert.deepEqual(await store.history({ limit: 10 }), []);
    });

    it('refuses a commit of another revision than the newest, and writes nothing of it', async () => {
      await store.commit(commitOf(0, put(pool('pool-a'))));
      const record: VaultRecord = { kind: 'ring', id: '1', value: {} };
      for (const revision of [0, 2]) {
        const late = commitOf(revision, { ...put(pool('pool-b')), vault: [{ kind: 'put', record }] });
        await assertRejects(store.commit(late), 'STORE_CONFLICT');
      }
      assert.deepEqual(await store.readAll(), { revision: 1, objects: [pool('pool-a')], vault: [] });
    });

    it('lets one of several commits at once win, and each is whole', async () => {
      const attempts = Array.from({ length: 8 }, (_, at) =>
        store.commit(commitOf(0, put(pool(`pool-${at}-a`), pool(`pool-${at}-b`)))),
      );
      const won = (await Promise.allSettled(attempts)).filter(({ status }) => status === 'fulfilled');
      assert.equal(won.length, 1);
      const { revision, objects } = await store.readAll();
      assert.deepEqual([revision, objects.length], [1, 2]);
    });

    it('tells who changed what and when, newest first, one object alone or all', async () => {
      await store.commit(
        commitOf(0, put(pool('pool-a', { sealed: { key: 'limpet-sealed' } }), pool('pool-b'))),
      );
      const renamed = pool('pool-a', { name: 'renamed' });
      await store.commit(commitOf(1, { ...put(renamed), actor: { user: 'system' }, summary: 'roll back' }));
      const deletion = { objects: [{ kind: 'delete', type: 'Pool', uuid: 'pool-b' }] } as const;
      await store.commit(commitOf(2, { ...deletion, summary: 'DELETE /api/pool/pool-b' }));
      const entries = await store.history({ limit: 10 });
      assert.deepEqual(
        entries.map(({ revision, uuid, name, body }) => [revision, uuid, name, body?.name]),
        [
          [3, 'pool-b', 'pool-b', undefined],
          [2, 'pool-a', 'renamed', 'pool-a'],
          [1, 'pool-b', 'pool-b', 'pool-b'],
          [1, 'pool-a', 'pool-a', 'pool-a'],
        ],
      );
      assert.deepEqual(entries[1], {
        revision: 2,
        atUs: 1_700_000_000_000_001,
        actor: { user: 'system' },
        summary: 'roll back',
        type: 'Pool',
        uuid: 'pool-a',
        name: 'renamed',
        body: renamed.body,
      });
      assert.deepEqual(entries[3]?.actor, ACTOR);
      assert.doesNotMatch(JSON.stringify(entries), /sealed/);
      const ofOne = await store.history({ type: 'Pool', uuid: 'pool-b', limit: 10 });
      assert.deepEqual(
        ofOne.map(({ revision }) => revision),
        [3, 1],
      );
      assert.deepEqual(await store.history({ type: 'VirtualService', limit: 10 }), []);
    });

    it('gives history by pages of whole revisions, so that none is left out', async () => {
      const uuids = ['pool-a', 'pool-b', 'pool-c'];
      for (let at = 0; at < 4; at++)
        await store.commit(commitOf(at, put(...uuids.map((uuid) => pool(uuid)))));
      for (const limit of [1, 2, 3, 4, 7]) {
        const seen: string[] = [];
        let beforeRevision: number | undefined;
        for (let pages = 0; pages < 5; pages++) {
          const page = await store.history({
            limit,
            ...(beforeRevision === undefined ? {} : { beforeRevision }),
          });
          if (page.length === 0) break;
          seen.push(...page.map(({ revision, uuid }) => `${revision} ${uuid}`));
          beforeRevision = page.at(-1)?.revision;
        }
        assert.equal(new Set(seen).size, 12, `pages of ${limit}`);
        assert.equal(seen.length, 12);
      }
    });

    it('knows all objects as they were at every revision, with what was sealed', async () => {
      const sealed = { key: 'limpet-sealed' };
      await store.commit(commitOf(0, put(pool('pool-a', { sealed }), pool('pool-b'))));
      await store.commit(commitOf(1, put(pool('pool-a', { name: 'renamed' }))));
      await store.commit(commitOf(2, { objects: [{ kind: 'delete', type: 'Pool', uuid: 'pool-b' }] }));
      await store.commit(commitOf(3, put(pool('pool-b', { name: 'again' }))));
      const namesAt = async (revision: number) => (await store.objectsAt(revision)).map(({ name }) => name);
      assert.deepEqual(await Promise.all([0, 1, 2, 3, 4, 9].map(namesAt)), [
        [],
        ['pool-a', 'pool-b'],
        ['renamed', 'pool-b'],
        ['renamed'],
        ['renamed', 'again'],
        ['renamed', 'again'],
      ]);
      assert.deepEqual((await store.objectsAt(1))[0], pool('pool-a', { sealed }));
    });

    it('takes several edits of one object in one commit for the last of them', async () => {
      const edits = put(pool('pool-a'), pool('pool-a', { name: 'renamed' }));
      await store.commit(commitOf(0, edits));
      assert.deepEqual(
        (await store.objectsAt(1)).map(({ name }) => name),
        ['renamed'],
      );
      assert.deepEqual(
        (await store.readAll()).objects.map(({ name }) => name),
        ['renamed'],
      );
    });

    it('keeps events in the order in which they came, newest first, page by page, up to a number', async () => {
      const eventAt = (atUs: number) => ({ atUs, eventId: 'SE_DOWN', details: { at: atUs } });
      await store.appendEvents([]);
      await store.appendEvents([1, 2, 3].map(eventAt));
      await store.appendEvents([4].map(eventAt));
      assert.deepEqual(await store.readEvents({ limit: 2 }), [4, 3].map(eventAt));
      assert.deepEqual(await store.readEvents({ limit: 9, beforeUs: 3 }), [2, 1].map(eventAt));
      const together = [5, 5, 5].map((atUs, at) => ({ ...eventAt(atUs), eventId: `SE_${at}` }));
      await store.appendEvents(together);
      assert.deepEqual(await store.readEvents({ limit: 1 }), together.toReversed(), 'none is left out');
      const many = Array.from({ length: eventsMax }, (_, at) => eventAt(100 + at));
      await store.appendEvents(many.slice(0, 10));
      assert.equal((await store.readEvents({ limit: 99 })).length, 17);
      await store.appendEvents(many.slice(10));
      const kept = await store.readEvents({ limit: 2 * eventsMax });
      assert.deepEqual([kept.length, kept[0], kept.at(-1)], [eventsMax, many.at(-1), many[0]]);
    });

    it('puts all that is sealed under another master key, history and vault included', async () => {
      const [from, to] = [systemRandom.bytes(32), systemRandom.bytes(32)];
      const [old, box] = [createSecretBox(from, systemRandom), createSecretBox(to, systemRandom)];
      const sealedPool = (secret: string) => pool('pool-a', { sealed: { key: old.seal('a', secret) } });
      const value = { text: 'as it is', deep: [{ sealed: old.seal('v', 'third') }] };
      const vault = [{ kind: 'put', record: { kind: 'ring', id: '1', value } }] as const;
      await store.commit(commitOf(0, { ...put(sealedPool('first')), vault }));
      await store.commit(commitOf(1, put(sealedPool('second'))));
      await store.reseal(createResealing(from, to, systemRandom));
      await reopen();
      const contents = await store.readAll();
      assert.equal(box.open('a', contents.objects[0]?.sealed.key as string), 'second');
      assert.equal(box.open('a', (await store.objectsAt(1))[0]?.sealed.key as string), 'first');
      const kept = contents.vault[0]?.value as unknown as typeof value;
      assert.equal(kept.text, 'as it is');
      assert.equal(box.open('v', kept.deep[0]?.sealed as string), 'third');
    });

    it('changes nothing where one sealed text cannot be put under another master key', async () => {
      const [from, to] = [systemRandom.bytes(32), systemRandom.bytes(32)];
      const good = createSecretBox(from, systemRandom).seal('a', 'secret');
      const strange = createSecretBox(systemRandom.bytes(32), systemRandom).seal('a', 'secret');
      const objects = put(
        pool('pool-a', { sealed: { key: good } }),
        pool('pool-b', { sealed: { key: strange } }),
      );
      await store.commit(commitOf(0, objects));
      await assertRejects(store.reseal(createResealing(from, to, systemRandom)), 'SECRET_UNREADABLE');
      assert.equal((await store.readAll()).objects[0]?.sealed.key, good);
    });

    it('is open once at a time: a second Controller is told, and the first goes on', async () => {
      await assertRejects(place.open(), 'STORE_LOCKED');
      await store.commit(commitOf(0, put(pool('pool-a'))));
      await reopen();
      assert.equal((await store.readAll()).revision, 1);
    });

    it('refuses whatever comes after it was closed', async () => {
      await store.close();
      await store.close();
      await assertRejects(store.readAll(), 'STORE_FAILED');
    });
  });
}
