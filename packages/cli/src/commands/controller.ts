// `limpet controller`: runs a Controller, which keeps the configuration of engines and their ticket keys.

import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { ControllerOptions } from '@limpet/controller';
import { Command, InvalidArgumentError } from 'commander';

interface Flags {
  readonly state: string;
  readonly listen: { readonly ip: string; readonly port: number };
  readonly engineListen: { readonly ip: string; readonly port: number };
  readonly name: readonly string[];
  readonly masterKey?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly withParent: boolean;
}

export function controllerCommand(): Command {
  return new Command('controller')
    .description('run a Controller: the REST API, its store, the ticket keys of engines; SIGTERM stops it')
    .requiredOption(
      '--state <folder>',
      'folder with all that outlives the process; made where it is not there',
    )
    .option('--listen <ip:port>', 'address of the API', address, { ip: '127.0.0.1', port: 9443 })
    .option('--engine-listen <ip:port>', 'address that engines dial', address, { ip: '0.0.0.0', port: 9444 })
    .option(
      '--name <name...>',
      'names and addresses that clients and engines know the Controller by, for its own certificate',
    )
    .option(
      '--master-key <file>',
      'key that secrets are sealed with; else LIMPET_MASTER_KEY, else one in the state folder',
    )
    .option(
      '--certificate <file>',
      'certificate of the API with its chain, PEM; else one by the Controller itself',
    )
    .option('--key <file>', 'its private key, PEM')
    .option(
      '--with-parent',
      'stop when standard input ends, as it does when the parent process is gone',
      false,
    )
    .action(async (flags: Flags, command: Command) => {
      if ((flags.certificate === undefined) !== (flags.key === undefined))
        command.error('error: --certificate and --key go together');
      const options: ControllerOptions = {
        stateFolder: resolve(flags.state),
        listen: flags.listen,
        engineListen: flags.engineListen,
        names: flags.name ?? [],
        masterKeyFile: flags.masterKey,
        certificate:
          flags.certificate === undefined
            ? undefined
            : { certificateFile: flags.certificate, keyFile: flags.key as string },
        stopWithStandardInput: flags.withParent,
      };
      const { runController } = await import('@limpet/controller');
      process.exitCode = await runController(options);
    });
}

function address(text: string): { ip: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  const ip = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (isIP(ip) === 0 || port > 65_535)
    throw new InvalidArgumentError('It must be ip:port, as 127.0.0.1:9443 or [::]:9443.');
  return { ip, port };
}
