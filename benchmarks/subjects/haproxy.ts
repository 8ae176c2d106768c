// HAProxy as a subject: one thread, tuned as its documentation advises for many short HTTPS connections.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, listening } from '../bed/ports.ts';
import type { TestBed } from '../bed/test-bed.ts';
import type { Instance, Subject } from './subject.ts';

export function haproxySubject(bed: TestBed): Subject {
  const certificateAndKeyPath = join(bed.directory, 'haproxy.pem');
  writeFileSync(
    certificateAndKeyPath,
    readFileSync(bed.certificatePath, 'utf8') + readFileSync(bed.keyPath, 'utf8'),
    { mode: 0o600 },
  );
  // Three keys at least: the last but one encrypts. 48 bytes are name, HMAC key, AES-128 key.
  const ticketKeysPath = join(bed.directory, 'haproxy-ticket-keys');
  const keys = Array.from({ length: 3 }, () => `${randomBytes(48).toString('base64')}\n`);
  writeFileSync(ticketKeysPath, keys.join(''), { mode: 0o600 });

  return {
    name: 'haproxy',
    version: readVersion(),
    startInstance: async (): Promise<Instance> => {
      const port = await freePort();
      const configPath = join(bed.directory, `haproxy-${port}.cfg`);
      writeFileSync(configPath, configuration(bed, port, certificateAndKeyPath, ticketKeysPath));
      const running = bed.processes.startBalancer('haproxy', ['-db', '-f', configPath]);
      await listening(port, running);
      return { port, pid: running.pid, stop: () => running.stop() };
    },
  };
}

function configuration(bed: TestBed, port: number, certificatePath: string, ticketKeysPath: string): string {
  const servers = bed.backEnds.map((server) => `  server ${server.name} 127.0.0.1:${server.port}`);
  return `global
  nbthread 1
  maxconn 8000
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  # Every session is in a ticket: the cache would only be written.
  tune.ssl.cachesize 0
  tune.ssl.lifetime 3600

defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 60s
  timeout http-keep-alive 300s
  timeout http-request 30s

frontend https
  bind 127.0.0.1:${port} ssl crt ${certificatePath} alpn h2,http/1.1 curves X25519 tls-ticket-keys ${ticketKeysPath}
  # What the other subjects tell the server, too.
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Port %[dst_port]
  default_backend servers

backend servers
  balance roundrobin
  http-reuse always
${servers.join('\n')}
`;
}

function readVersion(): string {
  const text = execFileSync('haproxy', ['-vv'], { encoding: 'utf8' });
  const program = /^HAProxy version (\S+)/m.exec(text)?.[1] ?? 'unknown';
  const tls = /^Running on OpenSSL version : (.*)$/m.exec(text)?.[1] ?? 'unknown TLS library';
  return `HAProxy ${program}, ${tls}`;
}
