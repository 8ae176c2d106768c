// The clients of the compatibility matrix, as Debian packages them, and Node.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runCommand, TicketClient } from '@limpet/testkit';
import { startBrowser } from '../support/browser.ts';
import { type ReconnectingClient, type TlsVersion, type Visits, visitCount } from './reconnecting-client.ts';

const fixture = (name: string): string => join(import.meta.dirname, '../clients', name);
// By its path: other Pythons may come first in PATH.
const PYTHON = '/usr/bin/python3';
const RUN_TIMEOUT_MS = 120_000;

async function output(command: string, args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args, { input, timeoutMs: RUN_TIMEOUT_MS });
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stderr.slice(-1000)}`);
  return stdout.trimEnd();
}

async function firstMatch(command: string, args: readonly string[], pattern: RegExp): Promise<string> {
  const text = await output(command, args);
  return pattern.exec(text)?.[1] ?? text.split('\n', 1)[0] ?? '';
}

function requestText(visit: number): string {
  return `GET /visit/${visit} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
}

function serverOf(answer: string): string {
  return /^x-demo-server: (\S+)/im.exec(answer)?.[1] ?? '';
}

/** Of a program that takes port, number of visits, TLS version and certificate, and prints a server a line. */
async function lines(command: string, args: readonly string[], visits: Visits): Promise<readonly string[]> {
  const count = visitCount(python, visits.reconnects);
  const own = [`${visits.port}`, `${count}`, visits.version, visits.certificateFile];
  return (await output(command, [...args, ...own])).split('\n');
}

const openssl: ReconnectingClient = {
  name: 'OpenSSL',
  how: '`openssl s_client -sess_in -sess_out`, a process each',
  showsTicket: 'each time',
  program: () => firstMatch('openssl', ['version'], /^OpenSSL (\S+)/),
  visit: async ({ port, version, reconnects, certificateFile, folder }) => {
    const session = join(folder, 'session.pem');
    const servers: string[] = [];
    for (let visit = 0; visit <= reconnects; visit++) {
      const answer = await output(
        'openssl',
        [
          ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-ign_eof'],
          ...['-CAfile', certificateFile, version === 'TLSv1.3' ? '-tls1_3' : '-tls1_2'],
          ...['-sess_out', session, ...(visit === 0 ? [] : ['-sess_in', session])],
        ],
        requestText(visit),
      );
      servers.push(serverOf(answer));
    }
    return servers;
  },
};

const curl: ReconnectingClient = {
  name: 'curl',
  how: 'one process, `Connection: close`',
  showsTicket: 'each time',
  program: () => firstMatch('curl', ['--version'], /^curl (\S+)/),
  visit: async ({ port, version, reconnects, certificateFile }) => {
    const answers = await output('curl', [
      ...['--silent', '--show-error', '--ipv4', '--http1.1', '--header', 'Connection: close'],
      ...['--cacert', certificateFile, ...(version === 'TLSv1.3' ? ['--tlsv1.3'] : ['--tls-max', '1.2'])],
      ...['--write-out', '%header{x-demo-server}\n', '--output', '/dev/null'],
      `https://localhost:${port}/visit/[0-${reconnects}]`,
    ]);
    return answers.split('\n');
  },
};

const node: ReconnectingClient = {
  name: 'Node',
  how: '`node:tls`, tickets of TLS 1.3 used once',
  showsTicket: 'each time',
  program: () => Promise.resolve(process.versions.node),
  visit: async ({ port, version, reconnects }) => {
    const client = new TicketClient({ version });
    const servers: string[] = [];
    for (let visit = 0; visit <= reconnects; visit++) {
      servers.push((await client.visit(port, `/visit/${visit}`)).server);
    }
    return servers;
  },
};

const python: ReconnectingClient = {
  name: 'Python',
  how: '`ssl`, the session of the connection before',
  showsTicket: 'each time',
  program: () => firstMatch(PYTHON, ['--version'], /^Python (\S+)/),
  visit: (visits) => lines(PYTHON, [fixture('reconnect.py')], visits),
};

const go: ReconnectingClient = {
  name: 'Go',
  how: '`net/http` with a client session cache',
  showsTicket: 'each time',
  program: () => firstMatch('go', ['version'], /go(\d\S*)/),
  visit: async (visits) => {
    const program = join(visits.folder, 'reconnect-go');
    await output('go', ['build', '-o', program, fixture('reconnect.go')]);
    return lines(program, [], visits);
  },
};

const java: ReconnectingClient = {
  name: 'Java',
  how: '`HttpClient` over one `SSLContext`',
  showsTicket: 'each time',
  program: () => firstMatch('java', ['--version'], /^openjdk (\S+)/),
  visit: (visits) => lines('java', [fixture('Reconnect.java')], visits),
};

const gnutls: ReconnectingClient = {
  name: 'GnuTLS',
  how: '`gnutls-cli`, whose `^resume^` shows a ticket every other time: 200 connections',
  showsTicket: 'every other time',
  program: () => firstMatch('gnutls-cli', ['--version'], /^gnutls-cli (\S+)/),
  visit: async ({ port, version, reconnects, certificateFile }) => {
    const child = spawn(
      'gnutls-cli',
      [
        ...['--inline-commands', '--x509cafile', certificateFile, '-p', `${port}`, 'localhost'],
        ...['--priority', version === 'TLSv1.3' ? 'NORMAL' : 'NORMAL:-VERS-TLS1.3'],
      ],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    const timer = setTimeout(() => child.kill(), RUN_TIMEOUT_MS);
    const servers: string[] = [];
    try {
      for await (const line of createInterface(child.stdout)) {
        // Connected, for the first time or again.
        if (
          line === '- Simple Client Mode:' ||
          (servers.length > 0 && line.includes('Handshake was completed'))
        )
          child.stdin.write(`GET /visit/${servers.length} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        const server = serverOf(line);
        if (server !== '') servers.push(server);
        // The body, one line, is the last of an answer.
        if (!line.startsWith('{')) continue;
        if (servers.length === 2 * reconnects) break;
        child.stdin.write('^resume^\n');
      }
    } finally {
      clearTimeout(timer);
      const exited = once(child, 'exit');
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await exited;
    }
    return servers;
  },
};

const chromium: ReconnectingClient = {
  name: 'Chromium',
  how: 'headless, over HTTP/2, its connections cut each time',
  showsTicket: 'each time',
  program: () => firstMatch('chromium', ['--version'], /^Chromium (\S+)/),
  visit: async ({ port, reconnects, certificateFile, cutConnections }) => {
    const browser = await startBrowser(readFileSync(certificateFile, 'utf8'));
    try {
      const page = await browser.context.newPage();
      const servers: string[] = [];
      const first = await page.goto(`https://localhost:${port}/visit/0`);
      servers.push((await first?.allHeaders())?.['x-demo-server'] ?? '');
      for (let visit = 1; visit <= reconnects; visit++) {
        cutConnections();
        const server = await page.evaluate(
          async (path) => (await fetch(path, { cache: 'no-store' })).headers.get('x-demo-server'),
          `/visit/${visit}`,
        );
        servers.push(server ?? '');
      }
      return servers;
    } finally {
      await browser.stop();
    }
  },
};

export const clients: readonly ReconnectingClient[] = [
  openssl,
  curl,
  node,
  python,
  chromium,
  gnutls,
  go,
  java,
];

export const tlsVersions: readonly TlsVersion[] = ['TLSv1.3', 'TLSv1.2'];
