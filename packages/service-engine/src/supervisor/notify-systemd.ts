// Telling systemd how the service is (sd_notify(3)), where it asked for that.

import { spawn } from 'node:child_process';

/**
 * By the command systemd-notify, since Node opens no datagram socket of the kind that NOTIFY_SOCKET names; hence NotifyAccess=all in the unit. Where
 * that fails the service manager waits in vain, and says so; the engine goes on.
 */
export function notifySystemd(
  environment: Readonly<Record<string, string | undefined>>,
  states: readonly string[],
): void {
  if (environment.NOTIFY_SOCKET === undefined) return;
  const command = spawn('systemd-notify', states, { stdio: 'ignore', env: environment, timeout: 5000 });
  command.on('error', () => {});
}
