// nginx as a subject: one worker, upstream keep-alive, no access log.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, listening } from '../bed/ports.ts';
import type { TestBed } from '../bed/test-bed.ts';
import type { Instance, Subject } from './subject.ts';

export function nginxSubject(bed: TestBed): Subject {
  // 48 bytes: name, HMAC key, AES-128 key.
  const ticketKeyPath = join(bed.directory, 'nginx-ticket-key');
  writeFileSync(ticketKeyPath, randomBytes(48), { mode: 0o600 });
  return {
    name: 'nginx',
    version: readVersion(),
    startInstance: async (): Promise<Instance> => {
      const port = await freePort();
      const directory = join(bed.directory, `nginx-${port}`);
      mkdirSync(directory);
      const configPath = join(directory, 'nginx.conf');
      writeFileSync(configPath, configuration(bed, port, directory, ticketKeyPath));
      const running = bed.processes.startBalancer('nginx', [
        '-p',
        directory,
        '-c',
        configPath,
        '-e',
        'stderr',
      ]);
      await listening(port, running);
      return { port, pid: running.pid, stop: () => running.stop() };
    },
  };
}

function configuration(bed: TestBed, port: number, directory: string, ticketKeyPath: string): string {
  const servers = bed.backEnds.map((server) => `    server 127.0.0.1:${server.port};`);
  // Started by root it would change to a user that may not enter the directory of this run.
  const user = userInfo().uid === 0 ? `user ${userInfo().username};\n` : '';
  return `${user}daemon off;
worker_processes 1;
worker_rlimit_nofile 16000;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 8000; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  tcp_nodelay on;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  upstream servers {
${servers.join('\n')}
    keepalive 128;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
  }
  server {
    listen 127.0.0.1:${port} ssl http2 backlog=4096;
    server_name bench.example;
    ssl_certificate ${bed.certificatePath};
    ssl_certificate_key ${bed.keyPath};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    ssl_ecdh_curve X25519;
    ssl_session_cache off;
    ssl_session_tickets on;
    ssl_session_ticket_key ${ticketKeyPath};
    ssl_session_timeout 1h;
    location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Port $server_port;
    }
  }
}
`;
}

function readVersion(): string {
  // nginx writes its version to standard error.
  const text = spawnSync('nginx', ['-V'], { encoding: 'utf8' }).stderr;
  const program = /nginx version: nginx\/(\S+)/.exec(text)?.[1] ?? 'unknown';
  const tls =
    /running with (OpenSSL [^)]*)\)/.exec(text)?.[1] ??
    /built with (OpenSSL .*)$/m.exec(text)?.[1] ??
    'unknown TLS library';
  return `nginx ${program}, ${tls}`;
}
