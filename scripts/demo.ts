// `npm start`: three web servers and two engines that bring each client back to its own, until Ctrl-C.

import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  createSelfSigned,
  type DemoServer,
  demoConfiguration,
  type RunningProcess,
  runCommand,
  startDemoServer,
  startProcess,
} from '@limpet/testkit';

const usage = `npm start -- [options]
  --server-ports 9101,9102,9103   ports of the three web servers
  --engine-ports 8443,8444        ports of the two engines
  --admin-ports 0,0               ports of their /metrics and /runtime; 0: any free one
  --workers N                     worker threads of each engine
  --folder .demo                  where certificate, ticket keys, configurations and logs are kept
  --fresh                         forget certificate and ticket keys of earlier starts
`;

const root = resolve(import.meta.dirname, '..');
const limpet = join(root, 'packages/cli/src/main.ts');

interface Options {
  readonly serverPorts: readonly number[];
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

interface State {
  readonly ring: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

async function prepareState({ folder, fresh }: Options): Promise<State> {
  if (fresh) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const state = {
    ring: join(folder, 'ticket-keys.json'),
    certificateFile: join(folder, 'certificate.pem'),
    keyFile: join(folder, 'key.pem'),
  };
  if (!existsSync(state.keyFile)) {
    const { certificatePem, privateKeyPem } = await createSelfSigned({
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
    });
    writeFileSync(state.certificateFile, certificatePem);
    writeFileSync(state.keyFile, privateKeyPem, { mode: 0o600 });
    chmodSync(state.keyFile, 0o600);
  }
  if (!existsSync(state.ring)) {
    const made = await runCommand(process.execPath, [limpet, 'keys', 'init', state.ring]);
    if (made.code !== 0) fail(made.stderr);
  }
  return state;
}

interface StartedEngine {
  readonly process: RunningProcess;
  readonly admin: string;
  readonly port: number;
}

async function startEngine(
  number: number,
  options: Options,
  state: State,
  servers: readonly DemoServer[],
): Promise<StartedEngine> {
  const { folder } = options;
  const config = join(folder, `engine-${number + 1}.json`);
  const port = options.enginePorts[number] as number;
  const certificate = { file: state.certificateFile };
  writeFileSync(
    config,
    `${JSON.stringify(demoConfiguration({ port, servers, certificate, key: { file: state.keyFile } }), undefined, 2)}\n`,
  );
  const { process: running, ready } = await startProcess(
    process.execPath,
    [
      limpet,
      'engine',
      ...['--config', config, '--ticket-keys', state.ring, '--engine-name', `engine-${number + 1}`],
      ...['--workers', String(options.workers), '--admin', `127.0.0.1:${options.adminPorts[number]}`],
      ...['--access-log', join(folder, `engine-${number + 1}.log`), '--drain-timeout', '5', '--with-parent'],
    ],
    (line) =>
      line.startsWith('{"event":"ready"')
        ? (JSON.parse(line) as { admin: string; listeners: { port: number }[] })
        : undefined,
  );
  return { process: running, admin: ready.admin, port: ready.listeners[0]?.port ?? port };
}

function guide(engines: readonly StartedEngine[], servers: readonly DemoServer[], folder: string): string {
  const [one, two] = engines as [StartedEngine, StartedEngine];
  const request = String.raw`printf 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'`;
  const server = servers[0] as DemoServer;
  return `ready: https://127.0.0.1:${one.port} and https://127.0.0.1:${two.port}, before ${servers.map(({ name, port }) => `${name} (${port})`).join(', ')}

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

const stopped = new Promise<string>((resolveStop) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => resolveStop(signal));
});
const state = await prepareState(options);
const servers = await Promise.all(
  options.serverPorts.map((port, index) => startDemoServer({ name: `web-${index + 1}`, port })),
);
const engines: StartedEngine[] = [];
let code = 0;
try {
  engines.push(...(await Promise.all([0, 1].map((number) => startEngine(number, options, state, servers)))));
  process.stdout.write(guide(engines, servers, options.folder));
  const ended = await Promise.race([
    stopped,
    ...engines.map(({ process: running }, index) =>
      running.exited.then((how) => `engine-${index + 1} ended (${how})\n${running.stderr()}`),
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
  ...engines.map(({ process: running }) => running.stop(8000)),
  ...servers.map((server) => server.stop()),
]);
process.exit(code);
