// `npm start`: three web servers, a Controller, and two engines that bring each client back to its own server, until Ctrl-C.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  ControllerClient,
  createSelfSigned,
  type DemoServer,
  demoConfiguration,
  type RunningProcess,
  startDemoServer,
  startProcess,
} from '@limpet/testkit';

const usage = `npm start -- [options]
  --server-ports 9101,9102,9103   ports of the three web servers
  --controller-port 9443          port of the Controller's API
  --engine-ports 8443,8444        ports of the two engines
  --admin-ports 0,0               ports of their /metrics and /runtime; 0: any free one
  --workers N                     worker threads of each engine
  --folder .demo                  where the Controller's store, what the engines keep, and logs are
  --fresh                         begin anew: forget everything of earlier starts
`;

const root = resolve(import.meta.dirname, '..');
const limpet = join(root, 'packages/cli/src/main.ts');

interface Options {
  readonly serverPorts: readonly number[];
  readonly controllerPort: number;
  readonly enginePorts: readonly number[];
  readonly adminPorts: readonly number[];
  readonly workers: number;
  readonly folder: string;
  readonly fresh: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      'server-ports': { type: 'string', default: '9101,9102,9103' },
      'controller-port': { type: 'string', default: '9443' },
      'engine-ports': { type: 'string', default: '8443,8444' },
      'admin-ports': { type: 'string', default: '0,0' },
      workers: { type: 'string', default: '2' },
      folder: { type: 'string', default: '.demo' },
      fresh: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) fail(usage, 0);
  return {
    serverPorts: ports(values['server-ports'], 3, '--server-ports'),
    controllerPort: ports(values['controller-port'], 1, '--controller-port')[0] as number,
    enginePorts: ports(values['engine-ports'], 2, '--engine-ports'),
    adminPorts: ports(values['admin-ports'], 2, '--admin-ports'),
    workers: Number(values.workers),
    folder: resolve(root, values.folder),
    fresh: values.fresh,
  };
}

function ports(text: string, count: number, option: string): readonly number[] {
  const numbers = text.split(',').map(Number);
  const good =
    numbers.length === count && numbers.every((port) => Number.isInteger(port) && port >= 0 && port < 65_536);
  if (!good) fail(`${option} takes ${count} ports joined by ",", not "${text}"`);
  return numbers;
}

function fail(message: string, code = 2): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

/** Binding alone tells: engines share ports, so they would get in beside another process without a word. */
function requireFree(port: number, option: string): Promise<void> {
  return new Promise((resolveFree) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) =>
      fail(`port ${port} on 127.0.0.1 is taken (${error.code}); choose others with ${option}`),
    );
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolveFree()));
  });
}

interface StartedController {
  readonly process: RunningProcess;
  readonly url: string;
  readonly passwordFile: string;
  readonly client: ControllerClient;
}

async function startController({ folder, controllerPort }: Options): Promise<StartedController> {
  const passwordFile = join(folder, 'password');
  if (!existsSync(passwordFile))
    writeFileSync(passwordFile, randomBytes(12).toString('base64url'), { mode: 0o600 });
  const password = readFileSync(passwordFile, 'utf8');
  const { process: running, ready } = await startProcess(
    process.execPath,
    [
      ...[limpet, 'controller', '--state', join(folder, 'controller'), '--with-parent'],
      ...['--listen', `127.0.0.1:${controllerPort}`, '--engine-listen', '127.0.0.1:0'],
    ],
    (line) => readyLine<{ readonly listen: { readonly ip: string; readonly port: number } }>(line),
    { env: { LIMPET_ADMIN_PASSWORD: password }, timeoutMs: 60_000 },
  );
  const url = `https://${ready.listen.ip}:${ready.listen.port}`;
  const client = new ControllerClient({ url, password });
  await client.login();
  return { process: running, url, passwordFile, client };
}

function readyLine<T>(line: string): T | undefined {
  return line.startsWith('{"event":"ready"') ? (JSON.parse(line) as T) : undefined;
}

/** The types of the demo's objects, those that others refer to first. */
const TYPES = [
  'HealthMonitor',
  'ApplicationPersistenceProfile',
  'ApplicationProfile',
  'SSLProfile',
  'SSLKeyAndCertificate',
  'VsVip',
  'Pool',
  'VirtualService',
] as const;

/** Makes the demo's objects, or brings those of an earlier start to the ports of this one; a certificate is made once. */
async function configure(
  { client }: StartedController,
  { enginePorts }: Options,
  servers: readonly DemoServer[],
): Promise<void> {
  // Both engines shall have every virtual service; Avi's default is one.
  const groups = await client.call('GET', '/api/serviceenginegroup?name=Default-Group');
  await client.call('PATCH', `/api/serviceenginegroup/${groups.results[0].uuid}`, {
    replace: { min_scaleout_per_vs: 2 },
  });
  const { count } = await client.call('GET', '/api/sslkeyandcertificate?name=demo-certificate');
  const pair =
    count > 0 ? undefined : await createSelfSigned({ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
  const objects = demoConfiguration({
    port: enginePorts[0] as number,
    servers,
    certificate: pair?.certificatePem,
    key: pair?.privateKeyPem,
  });
  for (const type of TYPES) {
    if (type === 'SSLKeyAndCertificate' && pair === undefined) continue;
    for (const object of objects[type] ?? [])
      await client.put(type.toLowerCase(), withReferences(object as DemoObject));
  }
}

type DemoObject = Readonly<Record<string, unknown>> & { readonly name: string };

/** Names of other objects as references of the API. */
function withReferences(object: DemoObject): DemoObject {
  const types: Readonly<Record<string, string>> = {
    vsvip_ref: 'vsvip',
    pool_ref: 'pool',
    application_profile_ref: 'applicationprofile',
    application_persistence_profile_ref: 'applicationpersistenceprofile',
    ssl_profile_ref: 'sslprofile',
    ssl_key_and_certificate_refs: 'sslkeyandcertificate',
    health_monitor_refs: 'healthmonitor',
  };
  const refer = (type: string, name: unknown) => `/api/${type}?name=${name}`;
  const entries = Object.entries(object).map(([field, value]) => {
    const type = types[field];
    if (type === undefined) return [field, value];
    return [field, Array.isArray(value) ? value.map((name) => refer(type, name)) : refer(type, value)];
  });
  return { ...Object.fromEntries(entries), name: object.name };
}

interface StartedEngine {
  readonly process: RunningProcess;
  readonly admin: string;
  readonly port: number;
}

async function startEngine(
  number: number,
  options: Options,
  { url, client }: StartedController,
): Promise<StartedEngine> {
  const { folder, enginePorts } = options;
  const name = `engine-${number + 1}`;
  const state = join(folder, name);
  const port = enginePorts[number] as number;
  const configured = enginePorts[0] as number;
  // An engine that has enrolled is known by its certificate.
  const token = existsSync(join(state, 'identity.json'))
    ? []
    : ['--token', (await client.call('POST', '/api/enrolment-token', {})).token as string];
  const { process: running, ready } = await startProcess(
    process.execPath,
    [
      ...[limpet, 'engine', '--controller', url, ...token, '--state', state, '--engine-name', name],
      // The engines share this host, and with it the address of the virtual service.
      ...(port === configured ? [] : ['--listen-map', `127.0.0.1:${configured}=127.0.0.1:${port}`]),
      ...['--workers', String(options.workers), '--admin', `127.0.0.1:${options.adminPorts[number]}`],
      ...['--access-log', join(folder, `${name}.log`), '--drain-timeout', '5', '--with-parent'],
    ],
    (line) => readyLine<{ readonly admin: string; readonly listeners: { readonly port: number }[] }>(line),
    { timeoutMs: 60_000 },
  );
  return { process: running, admin: ready.admin, port: ready.listeners[0]?.port ?? port };
}

function guide(
  { url, passwordFile }: StartedController,
  engines: readonly StartedEngine[],
  servers: readonly DemoServer[],
  folder: string,
): string {
  const [one, two] = engines as [StartedEngine, StartedEngine];
  const request = String.raw`printf 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'`;
  const server = servers[0] as DemoServer;
  return `ready: https://127.0.0.1:${one.port} and https://127.0.0.1:${two.port}, before ${servers.map(({ name, port }) => `${name} (${port})`).join(', ')}
Their Controller: ${url}, user admin, password in ${passwordFile}

A client takes its ticket from one engine to the other, and reaches the same server:
  ${request} | openssl s_client -quiet -connect 127.0.0.1:${one.port} -sess_out ${join(folder, 'ticket')} 2>/dev/null | grep -i x-demo
  ${request} | openssl s_client -quiet -connect 127.0.0.1:${two.port} -sess_in ${join(folder, 'ticket')} -sess_out ${join(folder, 'ticket')} 2>/dev/null | grep -i x-demo

curl, three connections of one process, each with the ticket of the one before:
  curl -sk -H 'Connection: close' https://127.0.0.1:${one.port}/{1,2,3} -o /dev/null -D - | grep -i x-demo
Thirty clients, each with an address of its own and no ticket, are spread over the servers:
  for i in {11..40}; do curl -sk --interface 127.0.0.$i https://127.0.0.1:${one.port}/ -o /dev/null -D - | grep -i x-demo; done | sort | uniq -c
From one address a loop of curl looks like the six connections that a browser opens at once, and meets one server: six times, or that of its ticket just before.

In a browser: https://127.0.0.1:${one.port}/ (the certificate is self-signed)

Fail the health check of a server, see its clients move once, heal it, see them stay where they are:
  curl -X POST http://127.0.0.1:${server.port}/fail-health
  curl -X POST http://127.0.0.1:${server.port}/pass-health

The Controller has it all, in the objects of the Avi API (user admin):
  curl -sk -c ${join(folder, 'cookies')} -d username=admin --data-urlencode password@${passwordFile} ${url}/login -o /dev/null
  curl -sk -b ${join(folder, 'cookies')} '${url}/api/pool?name=demo-pool&join_subresources=runtime'
Give the ticket keys their next turn, and see that clients stay where they are:
  csrf=$(awk '$6 == "csrftoken" {print $7}' ${join(folder, 'cookies')}); vs=$(curl -sk -b ${join(folder, 'cookies')} '${url}/api/virtualservice?name=demo' | grep -o 'virtualservice-[0-9a-f-]*' | head -1); curl -sk -b ${join(folder, 'cookies')} -H "X-CSRFToken: $csrf" -H 'Referer: ${url}/' -X POST ${url}/api/virtualservice/$vs/rotatekeys

What the engines see:
  curl -s ${one.admin}/runtime
  curl -s ${two.admin}/metrics | grep persistence
  tail -f ${join(folder, 'engine-1.log')}

Ctrl-C ends everything.
`;
}

const options = readOptions();
for (const port of options.serverPorts) await requireFree(port, '--server-ports');
for (const port of options.enginePorts) await requireFree(port, '--engine-ports');
for (const port of options.adminPorts) await requireFree(port, '--admin-ports');
await requireFree(options.controllerPort, '--controller-port');
if (options.fresh) rmSync(options.folder, { recursive: true, force: true });
mkdirSync(options.folder, { recursive: true });

const stopped = new Promise<string>((resolveStop) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => resolveStop(signal));
});
const servers = await Promise.all(
  options.serverPorts.map((port, index) => startDemoServer({ name: `web-${index + 1}`, port })),
);
const running: { readonly name: string; readonly process: RunningProcess }[] = [];
let code = 0;
try {
  const controller = await startController(options);
  running.push({ name: 'the Controller', process: controller.process });
  await configure(controller, options, servers);
  const engines = await Promise.all([0, 1].map((number) => startEngine(number, options, controller)));
  controller.client.close();
  running.push(...engines.map((engine, index) => ({ name: `engine-${index + 1}`, process: engine.process })));
  process.stdout.write(guide(controller, engines, servers, options.folder));
  const ended = await Promise.race([
    stopped,
    ...running.map(({ name, process: one }) =>
      one.exited.then((how) => `${name} ended (${how})\n${one.stderr()}`),
    ),
  ]);
  if (!ended.startsWith('SIG')) {
    process.stderr.write(`${ended}\n`);
    code = 1;
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  code = 1;
}
await Promise.all([
  ...running.map(({ process: one }) => one.stop(8000)),
  ...servers.map((server) => server.stop()),
]);
process.exit(code);
