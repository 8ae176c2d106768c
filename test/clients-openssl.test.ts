import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCommand } from '@limpet/testkit';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const RECONNECTS = 12;
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

describe('openssl s_client -sess_out, then -sess_in', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines();
  });
  after(() => bed.stop());

  for (const [flag, name] of [
    ['-tls1_3', 'TLSv1.3'],
    ['-tls1_2', 'TLSv1.2'],
  ] as const) {
    it(`reaches its server through either engine, on a resumed session each time (${name})`, async () => {
      const session = join(bed.fleet.folder, `${name}.pem`);
      const visit = async (port: number, ...more: string[]) => {
        const { stdout } = await runCommand(
          'openssl',
          [
            's_client',
            '-connect',
            `127.0.0.1:${port}`,
            '-servername',
            'localhost',
            flag,
            '-ign_eof',
            ...more,
          ],
          { input: REQUEST },
        );
        return {
          server: /x-demo-server: (\S+)/.exec(stdout)?.[1],
          reused: stdout.includes(`Reused, ${name}`),
        };
      };
      const first = await visit(bed.ports[0], '-sess_out', session);
      assert.match(first.server ?? '', /^web-/);
      assert.equal(first.reused, false);
      assert.ok(existsSync(session), 'a ticket came');
      for (let turn = 1; turn <= RECONNECTS; turn++) {
        const port = bed.ports[turn % 2] as number;
        const again = await visit(port, '-sess_in', session, '-sess_out', session);
        assert.deepEqual(again, { server: first.server, reused: true }, `reconnect ${turn}`);
      }
    });
  }
});
