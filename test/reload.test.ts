import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('a reload', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines();
  });
  after(() => bed.stop());

  it('under load loses no request, new connections and kept ones alike', async () => {
    let running = true;
    const load = Array.from({ length: 6 }, async (_, index) => {
      const client = new TicketClient({ servername: `load-${index}.limpet.test` });
      let requests = 0;
      while (running) {
        const connection = await client.connect(bed.ports[index % 2] as number);
        for (let turn = 0; turn < 5; turn++, requests++) {
          const answer = await connection.request(turn === 2 ? '/slow?ms=50' : '/');
          assert.equal(answer.status, 200);
          if (answer.headers.get('connection') === 'close') break;
        }
        await connection.close();
      }
      return requests;
    });
    for (const ratio of [2, 3, 4, 5]) {
      await bed.reload({ servers: bed.servers.map(({ name, port }) => ({ name, port, ratio })) });
    }
    running = false;
    for (const requests of await Promise.all(load)) assert.ok(requests > 5);
  });

  it('with a bad file leaves the old configuration running and says where it is bad', async () => {
    const [engine] = bed.engines;
    const { version } = (await engine.runtime()).config;
    const broken: readonly [string, RegExp][] = [
      ['{ "VirtualService": [', /CONFIG_NOT_JSON/],
      [
        JSON.stringify({ ...bed.configuration(), Pool: [] }),
        /VirtualService \\"demo\\", pool_ref: there is no Pool \\"demo-pool\\"/,
      ],
      [
        JSON.stringify(bed.configuration({ sslProfile: { enable_ssl_session_reuse: false } })),
        /VirtualService \\"demo\\", ssl_profile_ref: .*enable_ssl_session_reuse/,
      ],
    ];
    let refused = await engine.metric('limpet_config_reloads_total', 'refused');
    for (const [text, message] of broken) {
      engine.replaceConfiguration(text);
      refused++;
      await eventually(
        async () => (await engine.metric('limpet_config_reloads_total', 'refused')) === refused,
        'the file is refused',
      );
      assert.match(engine.process.stderr(), message);
      assert.equal((await engine.runtime()).config.version, version);
      assert.equal((await new TicketClient().visit(engine.port)).status, 200);
    }
    engine.replaceConfiguration(JSON.stringify(bed.configuration({ pool: { server_timeout: 12_345 } })));
    await eventually(
      async () => (await engine.runtime()).config.version > version,
      'a good file is taken again',
    );
  });

  it('happens on SIGHUP, too', async () => {
    const [engine] = bed.engines;
    engine.replaceConfiguration(JSON.stringify(bed.configuration({ pool: { server_timeout: 23_456 } })));
    const { version } = (await engine.runtime()).config;
    engine.process.child.kill('SIGHUP');
    await eventually(async () => (await engine.runtime()).config.version > version, 'in effect');
  });

  it('opens and closes listeners, and a taken port refuses it', async () => {
    const [engine, other] = bed.engines;
    const refused = await engine.metric('limpet_config_reloads_total', 'refused');
    const services = [
      { port: engine.port, enable_ssl: true, enable_http2: true },
      { port: other.port, enable_ssl: true, enable_http2: true },
    ];
    engine.replaceConfiguration(JSON.stringify(bed.configuration({ virtualService: { services } })));
    await eventually(
      async () => (await engine.metric('limpet_config_reloads_total', 'refused')) === refused + 1,
      'the taken port is refused',
    );
    assert.match(engine.process.stderr(), new RegExp(`ADDRESS_IN_USE.*127\\.0\\.0\\.1:${other.port}`));
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
  });
});
