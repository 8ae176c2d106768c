// A Controller and its engines, as real processes: enrolment, what is pushed, keys, a Controller that is gone, an engine that is revoked.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCommand, TicketClient } from '@limpet/testkit';
import {
  type ControlledEngine,
  type ControlledEngines,
  createWeb,
  startControlledEngines,
} from './support/controlled-engines.ts';
import { eventually } from './support/engine.ts';

const main = resolve(import.meta.dirname, '../packages/cli/src/main.ts');

describe('a Controller and its engines', () => {
  let bed: ControlledEngines;
  let engines: ControlledEngine[];
  let ports: number[];
  let uuid: string;
  let usedToken: string;

  const engineUuid = async (name: string): Promise<string> =>
    (await bed.api.get(`/api/serviceengine?name=${name}`)).json.results[0].uuid;
  const engineRuntime = async (name: string) =>
    (await bed.api.get(`/api/serviceengine/${await engineUuid(name)}/runtime`)).json;
  const rotations = async (engine: ControlledEngine): Promise<number> =>
    (await engine.runtime()).virtual_services[0]?.ticket_keys?.rotations ?? -1;
  const rotate = async (action = 'rotatekeys'): Promise<void> => {
    const answer = await bed.api.post(`/api/virtualservice/${uuid}/${action}`, {});
    assert.equal(answer.status, 200, answer.text);
  };
  /** As a fleet that has what the Controller has. */
  const sameRing = async (wanted: number): Promise<void> => {
    for (const engine of engines)
      await eventually(async () => (await rotations(engine)) === wanted, `${engine.name} has ring ${wanted}`);
  };

  before(async () => {
    bed = await startControlledEngines();
    const [group] = (await bed.api.get('/api/serviceenginegroup?name=Default-Group')).json.results;
    const scaled = await bed.api.patch(`/api/serviceenginegroup/${group.uuid}`, {
      replace: { min_scaleout_per_vs: 2 },
    });
    assert.equal(scaled.status, 200, scaled.text);
    usedToken = await bed.token();
    const otherToken = await bed.token();
    engines = await Promise.all([
      bed.startEngine('engine-1', usedToken),
      bed.startEngine('engine-2', otherToken),
    ]);
    ({ uuid } = await createWeb(bed));
    ports = await Promise.all(engines.map((engine) => engine.portOf('web')));
  });
  after(() => bed?.stop());

  const visit = (client: TicketClient, engine: number) => client.visit(ports[engine] as number);

  it('enrols no engine by a token that was used, is wrong, or is of another Controller', async () => {
    const [prefix, secret = ''] = (await bed.token()).split('.');
    const foreign = [prefix, secret, 'A'.repeat(43)].join('.');
    const tries = [
      [usedToken, /wrong, was used, or has expired/],
      [foreign, /not the one that the token is from/],
    ] as const;
    await Promise.all(
      tries.map(async ([token, why], index) => {
        const { code, stderr } = await runCommand(process.execPath, [
          ...[main, 'engine', '--controller', `https://127.0.0.1:${bed.controller.port}`, '--token', token],
          ...[
            '--state',
            join(bed.folder, `stranger-${index}`),
            '--engine-name',
            'stranger',
            '--workers',
            '1',
          ],
        ]);
        assert.equal(code, 2);
        assert.match(stderr, why);
      }),
    );
  });

  it('gives every engine of a virtual service its keys: a client comes back to its server on the other engine', async () => {
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      const client = new TicketClient({ version, servername: 'limpet.test' });
      const { server } = await visit(client, 0);
      for (let turn = 1; turn <= 4; turn++) {
        const back = await visit(client, turn % 2);
        assert.equal(back.server, server);
        assert.equal(back.reused, true);
      }
    }
    await eventually(
      async () => (await engineRuntime('engine-1')).oper_status?.state === 'OPER_UP',
      'the Controller has heard of the engine',
    );
  });

  it('rotates keys under load without losing a mapping, one rotation after the other (R4)', async () => {
    let running = true;
    const visits = [0, 0, 0, 0];
    const load = visits.map(async (_, index) => {
      const version = index % 2 === 0 ? 'TLSv1.3' : 'TLSv1.2';
      const client = new TicketClient({ version, servername: `load-${index}.limpet.test` });
      const { server } = await visit(client, 0);
      while (running) {
        const turn = visits[index] as number;
        assert.equal((await visit(client, turn % 2)).server, server);
        visits[index] = turn + 1;
      }
    });
    const before = await rotations(engines[0] as ControlledEngine);
    // Each waits until both engines have acknowledged the one before it.
    for (let rotation = 0; rotation < 3; rotation++) await rotate();
    await sameRing(before + 3);
    const counted = [...visits];
    await eventually(
      () => visits.every((count, index) => count >= (counted[index] as number) + 3),
      'each visits both engines after the rotations',
    );
    running = false;
    await Promise.all(load);
    const { key_rotation_count } = (await bed.api.get(`/api/virtualservice/${uuid}/runtime`)).json;
    assert.equal(key_rotation_count, 3);
  });

  it('sends no key for TLS persistence: switching it on adds no message and no byte to those of the keys', async () => {
    const [pool] = (await bed.api.get('/api/pool?name=web-pool')).json.results;
    const sent = async () =>
      (await Promise.all(engines.map(({ name }) => engineRuntime(name)))).map(({ sent }) => sent);
    const change = async (patch: object) => {
      assert.equal((await bed.api.patch(`/api/pool/${pool.uuid}`, patch)).status, 200);
      for (const { name } of engines)
        await eventually(
          async () => (await engineRuntime(name)).at_curr_ver === true,
          `${name} has the change`,
        );
      return sent();
    };
    const field = 'application_persistence_profile_ref';
    const off = await change({ delete: { [field]: pool[field] } });
    const on = await change({ add: { [field]: pool[field] } });
    for (const [index, { messages, ring_messages, ring_bytes }] of on.entries()) {
      assert.equal(messages, off[index].messages + 1, 'the change of the pool');
      assert.deepEqual([ring_messages, ring_bytes], [off[index].ring_messages, off[index].ring_bytes]);
    }
  });

  it('says why an engine refuses a configuration, which goes on with the one that it has', async () => {
    const before = (await engines[0]?.runtime())?.config;
    const services = [
      { port: 443, enable_ssl: true },
      // No listen-map has it, and the address is not of this machine.
      { port: 444, enable_ssl: true },
    ];
    const patched = await bed.api.patch(`/api/virtualservice/${uuid}`, { replace: { services } });
    assert.equal(patched.status, 200, patched.text);
    await eventually(
      async () => /EADDRNOTAVAIL/.test(JSON.stringify(await engineRuntime('engine-1'))),
      'the refusal is told',
    );
    assert.deepEqual((await engines[0]?.runtime())?.config, before);
    const mended = await bed.api.patch(`/api/virtualservice/${uuid}`, {
      replace: { services: services.slice(0, 1) },
    });
    assert.equal(mended.status, 200, mended.text);
    await eventually(
      async () => (await engineRuntime('engine-1')).at_curr_ver === true,
      'it has what it shall have',
    );
  });

  it('keeps no key in the clear on an engine', () => {
    for (const { stateFolder } of engines) {
      assert.deepEqual(readdirSync(stateFolder).sort(), [
        'cache.key',
        'configuration.sealed',
        'identity.json',
        'rings.sealed',
      ]);
      for (const name of readdirSync(stateFolder)) {
        const text = readFileSync(join(stateFolder, name), 'latin1');
        assert.ok(!/affinity_secret|limpet-ticket-keys|virtualService/.test(text), name);
      }
    }
  });

  it('is not needed: engines serve without it, also one that starts anew, and its clients are known there', async () => {
    const client = new TicketClient({ servername: 'limpet.test' });
    const { server } = await visit(client, 0);
    await bed.killController();
    assert.equal((await visit(client, 1)).server, server);
    await engines[1]?.process.stop();
    engines[1] = await bed.startEngine('engine-2', undefined);
    ports[1] = await engines[1].portOf('web');
    const back = await visit(client, 1);
    assert.equal(back.server, server);
    assert.equal(back.reused, true);
    await bed.restartController();
    for (const { name } of engines)
      await eventually(async () => (await engineRuntime(name)).at_curr_ver === true, `${name} is back`);
    const ring = await rotations(engines[0] as ControlledEngine);
    await rotate();
    await sameRing(ring + 1);
    assert.equal((await visit(client, 0)).server, server);
  });

  it('destroys keys everywhere at once: what was sealed by them opens nothing any more', async () => {
    const client = new TicketClient({ version: 'TLSv1.2', servername: 'limpet.test' });
    await visit(client, 0);
    assert.equal((await visit(client, 1)).reused, true);
    const ring = await rotations(engines[0] as ControlledEngine);
    await rotate('destroykeys');
    await sameRing(ring + 1);
    assert.equal((await visit(client, 1)).reused, false);
  });

  it('cuts a revoked engine off at once, refuses its certificate, and gives the others keys that it does not know (R17)', async () => {
    const client = new TicketClient({ servername: 'limpet.test' });
    const { server } = await visit(client, 0);
    const [first, second] = engines as [ControlledEngine, ControlledEngine];
    const known = await rotations(second);
    const revoked = await bed.api.post(`/api/serviceengine/${await engineUuid('engine-2')}/revoke`, {});
    assert.equal(revoked.status, 200, revoked.text);
    await eventually(() => second.process.stderr().includes('the engine was revoked'), 'it is told');
    // Another next, then the rotation that makes it current.
    await eventually(async () => (await rotations(first)) === known + 2, 'the other has keys of its own');
    assert.equal(await rotations(second), known);
    assert.equal((await visit(client, 0)).server, server, 'its clients keep their server');
    await second.process.stop();
    const again = await bed.startEngine('engine-2', undefined);
    await eventually(
      () => /certificate of the engine is revoked/.test(again.process.stderr()),
      'refused again',
    );
    assert.equal((await engineRuntime('engine-2')).se_connected, false);
  });

  it('revokes an engine whose object is deleted', async () => {
    const first = engines[0] as ControlledEngine;
    const deleted = await bed.api.delete(`/api/serviceengine/${await engineUuid('engine-1')}`);
    assert.equal(deleted.status, 204, deleted.text);
    await eventually(() => first.process.stderr().includes('the engine was revoked'), 'it is told');
  });
});
