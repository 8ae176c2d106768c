// What a Controller keeps: killed in the middle of writes it has every one that it answered, whole; nobody else takes its state, and no file of it shows a secret.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createSelfSigned, startProcess } from '@limpet/testkit';
import { ApiClient, type RunningController, startController } from './support/controller.ts';

const main = resolve(import.meta.dirname, '../packages/cli/src/main.ts');
const LISTEN = ['--listen', '127.0.0.1:0', '--engine-listen', '127.0.0.1:0', '--with-parent'];
const WRITES = 1000;
const KILLED_AT = 300;
const CLIENTS = 6;

let folder: string;
let state: string;
let controller: RunningController;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-state-'));
  state = join(folder, 'state');
  controller = await startController([], state);
});
after(async () => {
  await controller?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A Controller that is expected not to start. */
async function refused(env: NodeJS.ProcessEnv): Promise<Error> {
  const args = [main, 'controller', '--state', state, ...LISTEN];
  return startProcess(process.execPath, args, (line) => (line === '' ? undefined : line), { env }).then(
    () => assert.fail('it has started'),
    (error: Error) => error,
  );
}

/** A pool with a monitor of its own, in one transaction; both say their number. */
function write(api: ApiClient, number: number) {
  const monitor = { name: `monitor-${number}`, type: 'HEALTH_MONITOR_TCP', monitor_port: number + 1 };
  const servers = [1, 2, 3].map((at) => ({ ip: { addr: `10.0.0.${at}`, type: 'V4' }, port: number + 1 }));
  return api.post('/api/macro', {
    model_name: 'Pool',
    data: { name: `pool-${number}`, servers, health_monitor_refs_data: [monitor] },
  });
}

async function all(api: ApiClient, type: string): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for (let page = 1; ; page++) {
    const { json } = await api.get(`/api/${type}?page_size=200&page=${page}`);
    found.push(...json.results);
    if (json.next === undefined) return found;
  }
}

describe('the state of a Controller', () => {
  it('has every write of a thousand that was answered when it is killed, and no half one', async () => {
    const api = await controller.login();
    const answered = new Set<number>();
    let next = 0;
    const running = controller.process;
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (next < WRITES) {
          const number = next++;
          const answer = await write(api, number).catch(() => undefined);
          if (answer === undefined) return;
          assert.equal(answer.status, 201, answer.text);
          answered.add(number);
          if (answered.size === KILLED_AT) running.child.kill('SIGKILL');
        }
      }),
    );
    assert.equal(await running.exited, 'SIGKILL');
    api.close();
    controller = await startController([], state);
    const again = await controller.login();
    const [pools, monitors] = await Promise.all([all(again, 'pool'), all(again, 'healthmonitor')]);
    const names = new Set(pools.map(({ name }) => name));
    for (const number of answered) assert.ok(names.has(`pool-${number}`), `pool-${number} was answered`);
    assert.ok(pools.length <= answered.size + CLIENTS, 'nobody has asked for more');
    const portOf = new Map(monitors.map(({ name, monitor_port }) => [name, monitor_port]));
    for (const pool of pools) {
      const number = Number(String(pool.name).split('-')[1]);
      assert.equal((pool.servers as { port: number }[]).filter(({ port }) => port === number + 1).length, 3);
      assert.equal(portOf.get(`monitor-${number}`), number + 1);
    }
    const made = monitors.filter(({ name }) => String(name).startsWith('monitor-'));
    assert.equal(made.length, pools.length, 'a pool and its monitor are there or neither');
    assert.equal((await write(again, WRITES)).status, 201);
    again.close();
  });

  it('tells every version of its history, page by page, and of one type alone', async () => {
    const api = await controller.login();
    const readAll = async (first: string): Promise<{ versions: number[]; current: number }> => {
      const versions: number[] = [];
      for (let at: string | undefined = first, pages = 0; pages < 100; pages++) {
        const { json } = await api.get(at);
        versions.push(...json.results.map(({ version }: { version: number }) => version));
        if (json.next === undefined) return { versions, current: json.current };
        at = String(json.next).slice(api.origin.length);
      }
      return assert.fail('there is no end');
    };
    // Odd, where most versions have two objects.
    const { versions, current } = await readAll('/api/configuration/versions?limit=101');
    assert.deepEqual(
      versions,
      Array.from({ length: current }, (_, at) => current - at),
    );
    const pools = await readAll('/api/configuration/versions?limit=100&type=Pool');
    assert.equal(pools.versions.length, (await all(api, 'pool')).length);
    api.close();
  });

  it('is taken by no second Controller, nor with a wrong master key, and both are told why', async () => {
    const second = await refused({});
    assert.match(second.message, /ended \(2\)[\s\S]*STORE_LOCKED/);
    await controller.process.stop();
    const wrongKey = await refused({
      LIMPET_MASTER_KEY: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64'),
    });
    assert.match(
      wrongKey.message,
      /ended \(2\)[\s\S]*MASTER_KEY_WRONG[\s\S]*and the store needs [0-9a-f]{16}/,
    );
    controller = await startController([], state);
  });

  it('shows no secret in any file, nor in an answer, an older version or the log (R5)', async () => {
    const api = await controller.login();
    const { certificatePem, privateKeyPem } = await createSelfSigned({ dnsNames: ['limpet.test'] });
    const body = {
      name: 'secret',
      type: 'SSL_CERTIFICATE_TYPE_VIRTUALSERVICE',
      certificate: { certificate: certificatePem },
      key: privateKeyPem,
    };
    const created = await api.post('/api/sslkeyandcertificate', body);
    assert.equal(created.status, 201, created.text);
    const password = 'a password of somebody';
    const user = await api.post('/api/user', { username: 'somebody', password });
    assert.equal(user.status, 201, user.text);
    const token = await api.post('/api/user-token', { hours: 1 });
    assert.match(String(token.json.token), /^[\w-]{43}$/, token.text);
    const secrets = new Map([
      ['private key', privateKeyPem.split('\n')[2] as string],
      ['password', password],
      ['token', String(token.json.token)],
      ['master key', readFileSync(join(state, 'master-key'), 'utf8').trim()],
      ['password hash', '$scrypt$'],
      ['session', api.cookies.get('avi-sessionid') ?? assert.fail()],
    ]);
    const shown = new Map([
      ['the answer', Buffer.from(created.text + user.text)],
      ['the object', Buffer.from((await api.get(`/api/sslkeyandcertificate/${created.json.uuid}`)).text)],
      ['the history', Buffer.from((await api.get('/api/configuration/versions?limit=50')).text)],
      ['users', Buffer.from((await api.get('/api/user')).text)],
      ['the log', Buffer.from(controller.process.stderr())],
    ]);
    for (const name of readdirSync(state))
      if (name !== 'master-key') shown.set(name, readFileSync(join(state, name)));
    assert.ok(shown.has('store.db') && shown.has('store.db-wal'));
    for (const [where, bytes] of shown)
      for (const [what, secret] of secrets)
        for (const coding of ['utf8', 'base64', 'hex'] as const)
          assert.ok(
            !bytes.includes(Buffer.from(secret).toString(coding).slice(0, 24)),
            `${where} shows the ${what}`,
          );
    api.close();
  });

  it('gets its first user with a password that is printed once, where none is given', async () => {
    const elsewhere = join(folder, 'first');
    const args = [main, 'controller', '--state', elsewhere, ...LISTEN];
    const start = () =>
      startProcess(
        process.execPath,
        args,
        (line) =>
          line.startsWith('{"event":"ready"')
            ? (JSON.parse(line) as { listen: { port: number }; admin_password?: string })
            : undefined,
        { env: { LIMPET_ADMIN_PASSWORD: '' } },
      );
    const first = await start();
    const password = first.ready.admin_password ?? assert.fail('no password was printed');
    const api = new ApiClient(first.ready.listen.port);
    assert.equal((await api.login('admin', password)).status, 200);
    api.close();
    assert.ok(!first.process.stderr().includes(password));
    await first.process.stop();
    const second = await start();
    assert.equal(second.ready.admin_password, undefined);
    await second.process.stop();
  });
});
