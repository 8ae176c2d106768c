// One cell of the compatibility matrix: a client that comes back through two engines in turn, the ring rotated midway.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSpreader } from '@limpet/testkit';
import { eventually } from '../support/engine.ts';
import { startTwoEngines, type TwoEngines } from '../support/two-engines.ts';
import { type ReconnectingClient, type TlsVersion, visitCount } from './reconnecting-client.ts';

export interface Cell {
  readonly reconnects: number;
  /** Of these, how many reached the server of the visit before, as client and server say. */
  readonly returned: number;
  /** How many showed a ticket, and how many were resumed, as the engines' records say. */
  readonly ticketsShown: number;
  readonly resumed: number;
  /** Connections that each engine got. */
  readonly engines: readonly number[];
}

/** Two engines that speak this version only: what a client does in the other one is another cell. */
export function startMatrixBed(version: TlsVersion): Promise<TwoEngines> {
  const type = version === 'TLSv1.3' ? 'SSL_VERSION_TLS1_3' : 'SSL_VERSION_TLS1_2';
  return startTwoEngines({ sslProfile: { accepted_versions: [{ type }] } });
}

export async function runCell(
  bed: TwoEngines,
  client: ReconnectingClient,
  version: TlsVersion,
  reconnects: number,
): Promise<Cell> {
  const visits = visitCount(client, reconnects);
  const numbers = Array.from({ length: visits }, (_, number) => number);
  // Odd: of a pair, the one that comes back.
  const rotateAt = Math.floor(visits / 2) | 1;
  const recordsBefore = bed.engines.map((engine) => engine.records().length);
  const folder = mkdtempSync(join(tmpdir(), 'limpet-client-'));
  const certificateFile = join(folder, 'certificate.pem');
  writeFileSync(certificateFile, bed.fleet.certificate.certificatePem);
  let rotated = false;
  const spreader = await startSpreader(bed.ports, (connection) => {
    // The client waits: it got its ticket under a key that is a previous one when it shows it.
    if (rotated || connection < rotateAt) return undefined;
    rotated = true;
    return rotateRing(bed);
  });
  try {
    const servers = await client.visit({
      ...{ port: spreader.port, version, reconnects, certificateFile, folder },
      cutConnections: () => spreader.cutConnections(),
    });
    if (servers.length !== visits || servers.includes(''))
      throw new Error(`${client.name} had ${servers.length} answers of ${visits}: ${servers.join(' ')}`);
    const connections = await connectionsOfVisits(bed, recordsBefore, visits);
    const shows = (number: number): boolean => connections.get(number)?.ticket !== 'none';
    const back = numbers
      .slice(1)
      .filter((number) => client.showsTicket === 'each time' || shows(number))
      .slice(0, reconnects);
    return {
      reconnects,
      returned: back.filter((number) => servers[number] === servers[number - 1]).length,
      ticketsShown: back.filter(shows).length,
      resumed: back.filter((number) => connections.get(number)?.reused).length,
      engines: spreader.counts,
    };
  } finally {
    await spreader.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function rotateRing(bed: TwoEngines): Promise<void> {
  const before = await Promise.all(bed.engines.map((engine) => engine.runtime()));
  const { code, stderr } = await bed.fleet.limpet('keys', 'rotate', bed.fleet.ringFile, '--force');
  if (code !== 0) throw new Error(stderr);
  await eventually(async () => {
    const after = await Promise.all(bed.engines.map((engine) => engine.runtime()));
    return after.every(
      ({ ticket_keys }, index) => ticket_keys.rotations === (before[index]?.ticket_keys.rotations ?? 0) + 1,
    );
  }, 'both engines have the rotated ring');
}

interface ConnectionFacts {
  readonly ticket: unknown;
  readonly reused: boolean;
}

/** What the engines' records say of the connection of each visit, by its number. */
async function connectionsOfVisits(
  bed: TwoEngines,
  recordsBefore: readonly number[],
  visits: number,
): Promise<ReadonlyMap<number, ConnectionFacts>> {
  const found = new Map<number, ConnectionFacts>();
  await eventually(() => {
    const records = bed.engines.flatMap((engine, index) => engine.records().slice(recordsBefore[index]));
    const connections = new Map(
      records.filter(({ record }) => record === 'connection').map((record) => [record.connection_id, record]),
    );
    for (const { uri_path, connection_id } of records) {
      const number = /^\/visit\/(\d+)$/.exec(String(uri_path))?.[1];
      const connection = connections.get(connection_id);
      if (number === undefined || connection === undefined) continue;
      const { ticket, ssl_session_reused } = connection;
      found.set(Number(number), { ticket, reused: ssl_session_reused === true });
    }
    return found.size === visits;
  }, 'the records of all visits are written');
  return found;
}
