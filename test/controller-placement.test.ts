// Virtual services on the engines of their group: scaled out and in by hand, and taken by another engine when theirs is lost; clients keep their servers.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import {
  type ControlledEngine,
  type ControlledEngines,
  createWeb,
  startControlledEngines,
} from './support/controlled-engines.ts';
import { eventually } from './support/engine.ts';

describe('a virtual service', () => {
  let bed: ControlledEngines;
  let engines: readonly ControlledEngine[];
  let uuid: string;
  let client: TicketClient;
  let server: string;

  const hosts = async (): Promise<readonly string[]> => {
    const living = engines.filter(({ process }) => process.child.exitCode === null && !process.child.killed);
    const found = await Promise.all(
      living.map(async ({ name, runtime }) => ((await runtime()).virtual_services.length > 0 ? [name] : [])),
    );
    return found.flat();
  };
  const act = async (action: string, body: object = {}) => {
    const answer = await bed.api.post(`/api/virtualservice/${uuid}/${action}`, body);
    assert.equal(answer.status, 200, answer.text);
  };
  const named = (name: string): ControlledEngine => {
    const engine = engines.find((one) => one.name === name);
    assert.ok(engine !== undefined, name);
    return engine;
  };
  const comesBackTo = async (name: string): Promise<void> => {
    const visit = await client.visit(await named(name).portOf('web'));
    assert.equal(visit.server, server);
    assert.equal(visit.reused, true);
  };

  before(async () => {
    bed = await startControlledEngines();
    const tokens = [await bed.token(), await bed.token()];
    engines = await Promise.all(tokens.map((token, index) => bed.startEngine(`engine-${index + 1}`, token)));
    ({ uuid } = await createWeb(bed));
    await eventually(async () => (await hosts()).length === 1, 'one engine has it, as its group says');
    client = new TicketClient({ version: 'TLSv1.3', servername: 'limpet.test' });
    const [host = ''] = await hosts();
    ({ server } = await client.visit(await named(host).portOf('web')));
  });
  after(() => bed?.stop());

  it('is scaled out to another engine, which knows its clients, and in from the first', async () => {
    const [first = ''] = await hosts();
    await act('scaleout');
    await eventually(async () => (await hosts()).length === 2, 'both have it');
    const other = engines.find(({ name }) => name !== first)?.name ?? '';
    await comesBackTo(other);
    await comesBackTo(first);
    const from = (await bed.api.get(`/api/serviceengine?name=${first}`)).json.results[0].url;
    await act('scalein', { from_se_ref: from });
    await eventually(async () => (await hosts()).join() === other, 'the other has it alone');
    await comesBackTo(other);
  });

  it('is taken by another engine when its own has been away for as long as the Controller is told', async () => {
    const told = await bed.api.patch('/api/controllerproperties', {
      replace: { dead_se_detection_timer: 1 },
    });
    assert.equal(told.status, 200, told.text);
    const [lost = ''] = await hosts();
    const { process: running } = named(lost);
    running.child.kill('SIGKILL');
    await running.exited;
    const other = engines.find(({ name }) => name !== lost)?.name ?? '';
    await comesBackTo(other);
  });
});
