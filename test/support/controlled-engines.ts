// A Controller with engines that have enrolled: real processes, one virtual service with TLS persistence before three servers.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  createSelfSigned,
  type DemoServer,
  type RunningProcess,
  startDemoServer,
  startProcess,
} from '@limpet/testkit';
import { type ApiClient, type RunningController, startController } from './controller.ts';
import { eventually } from './engine.ts';

const main = resolve(import.meta.dirname, '../../packages/cli/src/main.ts');

/** Where virtual services are configured; each engine listens on loopback instead. */
export const VIP = '10.20.30.40';

interface EngineRuntime {
  readonly config: { readonly version: number; readonly hash: string };
  readonly virtual_services: readonly {
    readonly uuid: string;
    readonly name: string;
    readonly listeners: readonly { readonly port: number }[];
    readonly ticket_keys?: { readonly rotations: number };
  }[];
}

export interface ControlledEngine {
  readonly name: string;
  readonly process: RunningProcess;
  readonly stateFolder: string;
  runtime(): Promise<EngineRuntime>;
  /** Of the virtual service; waits until the engine has it. */
  portOf(virtualService: string): Promise<number>;
  metric(name: string): Promise<number>;
}

export interface ControlledEngines {
  readonly folder: string;
  controller: RunningController;
  api: ApiClient;
  readonly servers: readonly DemoServer[];
  token(minutes?: number): Promise<string>;
  /** @param args beside those that name the Controller. */
  startEngine(name: string, token: string | undefined, args?: readonly string[]): Promise<ControlledEngine>;
  /** Kills the Controller, or lets one begin that has its state. */
  killController(): Promise<void>;
  restartController(): Promise<void>;
  stop(): Promise<void>;
}

export async function startControlledEngines(): Promise<ControlledEngines> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-controlled-'));
  const [controller, ...servers] = await Promise.all([
    startController([], join(folder, 'controller')),
    ...['web-1', 'web-2', 'web-3'].map((name) => startDemoServer({ name, port: 0 })),
  ]);
  const engines: ControlledEngine[] = [];
  const ports = { api: controller.port, link: controller.enginePort };
  const bed: ControlledEngines = {
    folder,
    controller,
    api: await controller.login(),
    servers,
    token: async (minutes) => {
      const answer = await bed.api.post('/api/enrolment-token', minutes === undefined ? {} : { minutes });
      if (answer.status !== 201) throw new Error(`token: ${answer.status} ${answer.text}`);
      return answer.json.token as string;
    },
    startEngine: async (name, token, args = []) => {
      const engine = await startEngine(folder, `https://127.0.0.1:${ports.api}`, name, token, args);
      engines.push(engine);
      return engine;
    },
    killController: async () => {
      bed.controller.process.child.kill('SIGKILL');
      await bed.controller.process.exited;
      bed.api.close();
    },
    restartController: async () => {
      bed.controller = await startController(
        ['--listen', `127.0.0.1:${ports.api}`, '--engine-listen', `127.0.0.1:${ports.link}`],
        join(folder, 'controller'),
      );
      bed.api = await bed.controller.login();
    },
    stop: async () => {
      bed.api.close();
      await Promise.all([...engines.map(({ process }) => process.stop()), bed.controller.process.stop()]);
      await Promise.all(servers.map((server) => server.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return bed;
}

async function startEngine(
  folder: string,
  url: string,
  name: string,
  token: string | undefined,
  args: readonly string[],
): Promise<ControlledEngine> {
  const stateFolder = join(folder, name);
  const { process: running, ready } = await startProcess(
    process.execPath,
    [
      ...[main, 'engine', '--controller', url, '--state', stateFolder, '--engine-name', name],
      ...(token === undefined ? [] : ['--token', token]),
      ...[
        '--listen-map',
        `${VIP}:443=127.0.0.1:0`,
        '--workers',
        '1',
        '--access-log',
        'off',
        '--drain-timeout',
        '1',
      ],
      ...args,
    ],
    (line) => (line.startsWith('{"event":"ready"') ? (JSON.parse(line) as { admin: string }) : undefined),
    { timeoutMs: 60_000 },
  );
  const runtime = async (): Promise<EngineRuntime> =>
    (await (await fetch(`${ready.admin}/runtime`)).json()) as EngineRuntime;
  return {
    name,
    process: running,
    stateFolder,
    runtime,
    portOf: async (virtualService) => {
      let port = 0;
      await eventually(async () => {
        const found = (await runtime()).virtual_services.find((one) => one.name === virtualService);
        port = found?.listeners[0]?.port ?? 0;
        return port !== 0;
      }, `${name} has ${virtualService}`);
      return port;
    },
    metric: async (metric) => {
      const text = await (await fetch(`${ready.admin}/metrics`)).text();
      const line = text.split('\n').find((one) => one.startsWith(`${metric}{`));
      if (line === undefined) throw new Error(`there is no metric ${metric}`);
      return Number(line.slice(line.lastIndexOf(' ') + 1));
    },
  };
}

/** Everything that the virtual service `web` needs; resolves with its uuid. */
export async function createWeb({ api, servers }: ControlledEngines): Promise<{ readonly uuid: string }> {
  const { certificatePem, privateKeyPem } = await createSelfSigned({
    dnsNames: ['localhost', 'limpet.test'],
  });
  const create = async (type: string, body: Record<string, unknown>) => {
    const answer = await api.post(`/api/${type}`, body);
    if (answer.status !== 201) throw new Error(`${type}: ${answer.status} ${answer.text}`);
    return answer.json as { uuid: string };
  };
  await create('sslkeyandcertificate', {
    name: 'web-certificate',
    type: 'SSL_CERTIFICATE_TYPE_VIRTUALSERVICE',
    certificate: { certificate: certificatePem },
    key: privateKeyPem,
  });
  await create('vsvip', {
    name: 'web-vip',
    vip: [{ vip_id: '1', ip_address: { addr: VIP, type: 'V4' } }],
  });
  await create('pool', {
    name: 'web-pool',
    lb_algorithm: 'LB_ALGORITHM_ROUND_ROBIN',
    servers: servers.map(({ port }) => ({ ip: { addr: '127.0.0.1', type: 'V4' }, port })),
    application_persistence_profile_ref: '/api/applicationpersistenceprofile?name=System-Persistence-TLS',
  });
  return create('virtualservice', {
    name: 'web',
    vsvip_ref: '/api/vsvip?name=web-vip',
    services: [{ port: 443, enable_ssl: true }],
    pool_ref: '/api/pool?name=web-pool',
    ssl_key_and_certificate_refs: ['/api/sslkeyandcertificate?name=web-certificate'],
  });
}
