// Socket activation: an engine serves on the sockets that its service manager opened, and they outlive it.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { demoConfiguration, startProcess, TicketClient } from '@limpet/testkit';
import { createFleet, eventually, type Fleet } from './support/engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const main = resolve(import.meta.dirname, '../packages/cli/src/main.ts');

/**
 * What a service manager does, in a few lines: opens sockets (shells cannot, so Perl does), says so in the environment, and becomes the
 * program. It tells the port on standard output first.
 */
const LAUNCHER = `
use Socket; use POSIX;
socket(my $socket, PF_INET, SOCK_STREAM, 0) or die; setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
bind($socket, sockaddr_in(0, inet_aton('127.0.0.1'))) or die; listen($socket, 128) or die;
my ($port) = sockaddr_in(getsockname($socket));
open(my $file, '>', shift @ARGV) or die; print $file $port; close $file;
POSIX::dup2(fileno($socket), 3); fcntl($socket, 2, 0);
$ENV{LISTEN_FDS} = 1; $ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDNAMES} = 'limpet';
until (-e $ARGV[0]) { select(undef, undef, undef, 0.02) }
shift @ARGV; exec @ARGV;
`;

/** The service manager's end of sd_notify: each datagram on a line of its own. Node has no sockets of this kind. */
const NOTIFIED = `
use Socket; $| = 1;
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die; bind($socket, sockaddr_un(shift @ARGV)) or die; print "ready\\n";
while (defined recv($socket, my $text, 4096, 0)) { $text =~ s/\\n/ /g; print "$text\\n" }
`;

let origin: OriginServer;
let fleet: Fleet;
before(async () => {
  origin = await startOriginServer();
  fleet = await createFleet();
});
after(async () => {
  await fleet.stop();
  await origin.stop();
});

describe('an engine that is started with sockets (LISTEN_FDS)', () => {
  it('uses the one on the address of its virtual service, also after it was killed, and tells the service manager', async () => {
    const notifySocket = join(fleet.folder, 'notify');
    const notified: string[] = [];
    const { process: manager } = await startProcess(
      'perl',
      ['-e', NOTIFIED, notifySocket],
      (line) => (line === 'ready' ? line : undefined),
      { onLine: (line) => notified.push(line) },
    );
    const [portFile, configFile] = [join(fleet.folder, 'port'), join(fleet.folder, 'activated.json')];
    const pids: number[] = [];
    const starting = startProcess(
      'perl',
      [
        ...['-e', LAUNCHER, portFile, configFile, process.execPath, main, 'engine'],
        ...['--config', configFile, '--ticket-keys', fleet.ringFile, '--access-log', 'off'],
        ...['--workers', '2', '--drain-timeout', '2'],
      ],
      (line) => {
        const pid = /"event":"ready".*"pid":(\d+)/.exec(line)?.[1];
        if (pid !== undefined) pids.push(Number(pid));
        return pid;
      },
      { env: { NOTIFY_SOCKET: notifySocket } },
    );
    let port = 0;
    await eventually(() => {
      port = Number(readIfThere(portFile));
      return port > 0;
    }, 'the socket is open');
    // The configuration names the port that the launcher has: an engine that opened one of its own would find it taken.
    writeFileSync(
      configFile,
      JSON.stringify(
        demoConfiguration({
          port,
          servers: [{ name: 'origin', port: origin.port }],
          certificate: fleet.certificate.certificatePem,
          key: fleet.certificate.privateKeyPem,
          monitored: false,
        }),
      ),
    );
    const { process: running } = await starting;
    const client = new TicketClient();
    assert.equal((await client.visit(port)).status, 200);
    assert.match(running.stderr(), /"event":"SOCKETS_PASSED"/);
    process.kill(pids[0] as number, 'SIGKILL');
    assert.equal((await client.visit(port)).status, 200);
    await eventually(() => pids.length === 2, 'it was started again');
    for (const pid of pids)
      await eventually(
        () =>
          notified.some((text) => text.includes('READY=1') && text.includes(`STATUS=engine ${pid} serves`)),
        `it is told that engine ${pid} serves`,
      );
    assert.ok(!notified.some((text) => text.includes('STOPPING=1')));
    await running.stop();
    assert.equal(await running.exited, 0);
    await eventually(() => notified.some((text) => text.includes('STOPPING=1')), 'and that it stops');
    await manager.stop();
    rmSync(configFile);
  });
});

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
