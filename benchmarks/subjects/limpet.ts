// The product as a subject: one engine with one worker, its access log off as those of the other subjects are.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../bed/ports.ts';
import type { RunningProcess } from '../bed/processes.ts';
import type { TestBed } from '../bed/test-bed.ts';
import type { Instance, Subject } from './subject.ts';

const MAIN = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../../package.json', import.meta.url));
const READY_TIMEOUT_MS = 20_000;

export interface LimpetVariant {
  /** The only thing in which two engines of persistence-on-off differ. */
  readonly persistence: boolean;
}

export function limpetSubject(bed: TestBed, variant: LimpetVariant = { persistence: true }): Subject {
  const directory = mkdtempSync(join(bed.directory, 'limpet-'));
  const ticketKeysPath = join(directory, 'ticket-keys.json');
  execFileSync(process.execPath, [MAIN, 'keys', 'init', ticketKeysPath], { stdio: 'pipe' });
  return {
    name: 'limpet',
    version: `Limpet ${packageVersion()}, Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`,
    startInstance: async (): Promise<Instance> => {
      const port = await freePort();
      const configPath = join(directory, `engine-${port}.json`);
      writeFileSync(configPath, JSON.stringify(configuration(bed, port, variant), undefined, 2));
      const running = bed.processes.startBalancer(process.execPath, [
        ...[MAIN, 'engine', '--config', configPath, '--ticket-keys', ticketKeysPath],
        ...['--workers', '1', '--access-log', 'off', '--admin', '127.0.0.1:0', '--drain-timeout', '1'],
      ]);
      await ready(running);
      return { port, pid: running.pid, stop: () => running.stop() };
    },
  };
}

function configuration(bed: TestBed, port: number, variant: LimpetVariant): object {
  const servers = bed.backEnds.map((server) => ({
    ip: { addr: '127.0.0.1', type: 'V4' },
    port: server.port,
    description: server.name,
  }));
  return {
    VirtualService: [
      {
        name: 'bench',
        vsvip_ref: 'bench-vip',
        services: [{ port, enable_ssl: true, enable_http2: true }],
        pool_ref: 'bench-pool',
        ssl_profile_ref: 'bench-tls',
        ssl_key_and_certificate_refs: ['bench-certificate'],
        application_profile_ref: 'bench-http',
      },
    ],
    VsVip: [{ name: 'bench-vip', vip: [{ vip_id: '1', ip_address: { addr: '127.0.0.1', type: 'V4' } }] }],
    Pool: [
      {
        name: 'bench-pool',
        lb_algorithm: 'LB_ALGORITHM_ROUND_ROBIN',
        servers,
        ...(variant.persistence ? { application_persistence_profile_ref: 'bench-persistence' } : {}),
      },
    ],
    HealthMonitor: [],
    ApplicationPersistenceProfile: [
      {
        name: 'bench-persistence',
        persistence_type: 'PERSISTENCE_TYPE_TLS',
        server_hm_down_recovery: 'HM_DOWN_PICK_NEW_SERVER',
      },
    ],
    SSLKeyAndCertificate: [
      {
        name: 'bench-certificate',
        certificate: { certificate: { file: bed.certificatePath } },
        key: { file: bed.keyPath },
      },
    ],
    SSLProfile: [
      {
        name: 'bench-tls',
        accepted_versions: [{ type: 'SSL_VERSION_TLS1_2' }, { type: 'SSL_VERSION_TLS1_3' }],
        accepted_ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256',
        ciphersuites: 'TLS_AES_128_GCM_SHA256',
        ec_named_curve: 'X25519',
        ssl_session_timeout: 3600,
      },
    ],
    ApplicationProfile: [
      {
        name: 'bench-http',
        type: 'APPLICATION_PROFILE_TYPE_HTTP',
        http_profile: {
          keepalive_timeout: 300_000,
          max_keepalive_requests: 0,
          http2_profile: { max_http2_requests_per_connection: 0 },
          x_forwarded_proto_enabled: true,
        },
      },
    ],
  };
}

/** Waits for the line on standard output that says that all listeners are open. */
function ready(running: RunningProcess): Promise<void> {
  const { child } = running;
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stdout! });
    const timer = setTimeout(() => settle(running.failure('not ready in time')), READY_TIMEOUT_MS);
    const onExit = (): void => settle(running.failure('ended at start'));
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      child.off('exit', onExit);
      lines.close();
      // readline pauses its input when it is closed.
      child.stdout?.resume();
      if (error === undefined) resolve();
      else reject(error);
    };
    child.once('exit', onExit);
    lines.on('line', (line) => {
      if (line.startsWith('{') && line.includes('"event":"ready"')) settle();
    });
  });
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version;
}
