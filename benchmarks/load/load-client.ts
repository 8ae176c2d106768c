// The load client: a process of its own that does what the benchmark tells it and reports each block.

import { runFullConnections, runResumedConnections } from './connection-load.ts';
import { holdConnections, releaseConnections } from './idle-load.ts';
import type { BlockReport, LoadCommand, LoadReply, LoadRequest } from './load-command.ts';
import { probe, probeHttp2 } from './probe.ts';
import { runRequests } from './request-load.ts';
import { runStreams } from './stream-load.ts';

type BlockCommand = Exclude<LoadCommand, { kind: 'probe' }>;

async function runBlock(command: BlockCommand): Promise<BlockReport> {
  switch (command.kind) {
    case 'requests': {
      const report = await runRequests(command.port, command.connections, command.durationMs);
      return { ...report, resumed: 0, renewed: 0, ownServer: 0 };
    }
    case 'streams': {
      const report = await runStreams(command.port, command.streams, command.durationMs);
      return { ...report, resumed: 0, renewed: 0, ownServer: 0 };
    }
    case 'full-connections':
      return runFullConnections(command.ports, command.version, command.concurrency, command.durationMs);
    case 'resumed-connections':
      return runResumedConnections(
        command.clients,
        command.ports,
        command.version,
        command.concurrency,
        command.durationMs,
      );
    case 'hold':
      return holdConnections(command.port, command.connections);
    case 'release':
      return releaseConnections();
  }
}

async function reply({ id, command }: LoadRequest): Promise<LoadReply> {
  try {
    if (command.kind !== 'probe') return { kind: 'block', id, block: await runBlock(command) };
    const negotiated = command.http2
      ? await probeHttp2(command.port)
      : await probe(command.port, command.version);
    return { kind: 'negotiated', id, negotiated };
  } catch (error) {
    return { kind: 'failed', id, message: error instanceof Error ? error.message : String(error) };
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', async (request: LoadRequest) => {
  process.send?.(await reply(request));
});
