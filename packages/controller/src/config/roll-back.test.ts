import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LimpetError } from '@limpet/model';
import fc from 'fast-check';
import type { ObjectEdit } from './configuration.ts';
import {
  type Bed,
  engine,
  group,
  keyAndCertificate,
  object,
  pool,
  remove,
  startBed,
  virtualService,
} from './test-configuration.ts';

const NUMBERS = fc.integer({ min: 0, max: 4 });

/** Of few objects, so that edits meet: some are refused, since others refer to what they delete. */
const edit: fc.Arbitrary<ObjectEdit> = fc.oneof(
  fc
    .tuple(NUMBERS, fc.integer({ min: 1, max: 5 }))
    .map(([index, port]) => pool(`pool-${index}`, { default_server_port: port })),
  fc
    .tuple(NUMBERS, NUMBERS, fc.boolean())
    .map(([index, of, enabled]) =>
      virtualService(`vs-${index}`, 1000 + index, { pool_ref: `/api/pool/pool-${of}`, enabled }),
    ),
  NUMBERS.map((index) => remove('Pool', `pool-${index}`)),
  NUMBERS.map((index) => remove('VirtualService', `vs-${index}`)),
  fc.boolean().map((on) =>
    object('ApplicationProfile', 'profile', {
      type: 'APPLICATION_PROFILE_TYPE_HTTP',
      http_profile: { xff_enabled: on },
    }),
  ),
);

async function startServing(): Promise<Bed> {
  const bed = await startBed();
  await bed.put(engine('se-1'), engine('se-2'), group({ min_scaleout_per_vs: 2 }), keyAndCertificate());
  return bed;
}

function hashes({ publisher }: Bed): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...publisher.engines].map(([uuid, { compiled }]) => [uuid, compiled.snapshot.hash]),
  );
}

describe('rolling back', () => {
  it('after any edits gives every engine the very configuration that it had', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 }),
        fc.nat(),
        async (changes, which) => {
          const bed = await startServing();
          const versions = [{ revision: 1, hashes: hashes(bed) }];
          for (const edits of changes) {
            try {
              const { view } = await bed.put(...edits);
              versions.push({ revision: view.revision, hashes: hashes(bed) });
            } catch (error) {
              assert.ok(error instanceof LimpetError, String(error));
            }
          }
          const target = versions[which % versions.length];
          assert.ok(target !== undefined);
          const newest = bed.configuration.view.revision;
          const outcome = await bed.configuration.rollBack(target.revision, { user: 'tester' });
          assert.deepEqual(hashes(bed), target.hashes);
          assert.equal(outcome.view.revision, outcome.changed.length === 0 ? newest : newest + 1);
          // What was stored is what is served: a Controller that starts again compiles the same.
          assert.deepEqual(hashes(await startBed(bed.store)), target.hashes);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('leaves users and engines as they are, and brings default objects back to what they were', async () => {
    const bed = await startServing();
    const { revision } = bed.configuration.view;
    await bed.put(
      engine('se-3'),
      object('User', 'user-1', { username: 'ann' }),
      group({ min_scaleout_per_vs: 1 }),
      pool('pool'),
    );
    await bed.configuration.rollBack(revision, { user: 'tester' });
    const { view } = bed.configuration;
    assert.ok(view.get('User', 'user-1') !== undefined);
    assert.ok(view.get('ServiceEngine', 'se-3') !== undefined);
    assert.equal(view.get('Pool', 'pool'), undefined);
    assert.equal(view.find('ServiceEngineGroup', 'admin', 'Default-Group')?.body.min_scaleout_per_vs, 2);
  });

  it('brings back a certificate that has expired since, and says so', async () => {
    const bed = await startServing();
    const { revision } = bed.configuration.view;
    bed.nowMs += 1000 * 86_400_000;
    await bed.put(remove('SSLKeyAndCertificate', 'certificate'));
    const { notices } = await bed.configuration.rollBack(revision, { user: 'tester' });
    assert.match(notices[0]?.message ?? '', /has expired/);
  });

  it('that is a dry run says what would change, and changes nothing', async () => {
    const bed = await startServing();
    await bed.put(pool('pool'));
    const outcome = await bed.configuration.rollBack(1, { user: 'tester' }, true);
    assert.deepEqual(
      outcome.changed.map(({ before, after }) => [before?.uuid, after]),
      [['pool', undefined]],
    );
    assert.ok(bed.configuration.view.get('Pool', 'pool') !== undefined);
  });
});
