import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { TicketClient, ticketOf, withTicket } from '@limpet/testkit';
import { clientHelloWithIdentities, clientHelloWithTicket } from './support/raw-hello.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('a hostile ticket', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines({}, 3, ['--workers', '1']);
  });
  after(() => bed.stop());

  const opened = () => bed.engines[0].metric('limpet_tickets_opened_total');

  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    it(`altered at any byte neither resumes nor steers nor breaks the handshake (R3, ${version})`, async () => {
      const client = new TicketClient({ version });
      await client.visit(bed.ports[0]);
      const session = client.tickets.at(-1) as Buffer;
      const ticket = ticketOf(session);
      const before = await opened();
      for (let from = 0; from < ticket.length; from += 16) {
        const bytes = Array.from({ length: Math.min(16, ticket.length - from) }, (_, index) => from + index);
        const visits = await Promise.all(
          bytes.map((index) => {
            const altered = Buffer.from(ticket);
            altered[index] = (altered[index] as number) ^ (1 << (index % 8));
            return client.visit(bed.ports[0], '/', withTicket(session, altered));
          }),
        );
        for (const { reused, status } of visits) {
          assert.equal(status, 200);
          assert.equal(reused, false);
        }
      }
      assert.equal(await opened(), before, 'none was opened');
    });
  }

  it('shown in the other TLS version neither resumes nor steers (R3)', async () => {
    const tls12 = new TicketClient({ version: 'TLSv1.2' });
    const tls13 = new TicketClient({ version: 'TLSv1.3' });
    await Promise.all([tls12.visit(bed.ports[0]), tls13.visit(bed.ports[0])]);
    const [from12, from13] = [tls12, tls13].map((client) => ticketOf(client.tickets.at(-1) as Buffer)) as [
      Buffer,
      Buffer,
    ];
    const wrongVersion = () => bed.engines[0].metric('limpet_tickets_not_opened_total', 'wrong_version');
    const hits = () => bed.engines[0].metric('limpet_persistence_hits_total');
    const before = [await wrongVersion(), await hits()] as const;

    const answer12 = await sendHello(bed.ports[0], clientHelloWithTicket(from13));
    assert.ok(answer12.includes(11), 'a certificate: the handshake is a full one');
    await sendHello(bed.ports[0], clientHelloWithIdentities([from12]));
    assert.equal((await wrongVersion()) - before[0], 2);
    assert.equal((await hits()) - before[1], 0);
  });

  it('in 10,000 random ones never opens, and the engine serves on', async () => {
    const before = await opened();
    const received = await bed.engines[0].metric('limpet_tickets_received_total');
    for (let batch = 0; batch < 100; batch++) {
      await Promise.all(
        Array.from({ length: 10 }, () =>
          sendHello(
            bed.ports[0],
            clientHelloWithIdentities(Array.from({ length: 10 }, () => randomBytes(208))),
          ),
        ),
      );
    }
    assert.equal((await bed.engines[0].metric('limpet_tickets_received_total')) - received, 1000);
    assert.equal(await opened(), before);
    assert.equal((await new TicketClient().visit(bed.ports[0])).status, 200);
  });

  it('among a flood of PSK identities ends the connection before any is opened', async () => {
    const failed = await bed.engines[0].metric('limpet_connections_failed_total', 'client_hello');
    for (const count of [17, 100, 140]) {
      await sendHello(
        bed.ports[0],
        clientHelloWithIdentities(Array.from({ length: count }, () => randomBytes(208))),
      );
    }
    assert.equal(
      (await bed.engines[0].metric('limpet_connections_failed_total', 'client_hello')) - failed,
      3,
    );
    assert.equal((await new TicketClient().visit(bed.ports[0])).status, 200);
  });
});

describe('a ticket of another virtual service', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines();
  });
  after(() => bed.stop());

  it('neither resumes nor steers, though the ring is the same (R7)', async () => {
    const client = new TicketClient({ version: 'TLSv1.3' });
    const other = bed.configuration({ virtualService: { name: 'other' } });
    const engine = await bed.fleet.startEngine(other);
    await client.visit(engine.port);
    const unknown = await bed.engines[0].metric('limpet_tickets_not_opened_total', 'unknown_key');
    const visit = await client.visit(bed.ports[0]);
    assert.equal(visit.reused, false);
    assert.equal(
      (await bed.engines[0].metric('limpet_tickets_not_opened_total', 'unknown_key')) - unknown,
      1,
    );
  });
});

/** Sends a ClientHello; resolves with the types of the handshake messages in the first answer, if they are in clear. */
function sendHello(port: number, hello: Buffer): Promise<readonly number[]> {
  return new Promise((resolve) => {
    let types: number[] = [];
    const socket = createConnection(port, '127.0.0.1', () => socket.write(hello));
    socket.once('data', (bytes) => {
      types = handshakeTypes(bytes);
      socket.destroy();
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(types));
  });
}

/** Of the messages in records of type handshake (RFC 8446 §5.1); each flight of a server begins a message with a record. */
function handshakeTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  let messages = Buffer.alloc(0);
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === 22; at += 5 + bytes.readUInt16BE(at + 3)) {
    messages = Buffer.concat([messages, bytes.subarray(at + 5, at + 5 + bytes.readUInt16BE(at + 3))]);
  }
  for (let at = 0; at + 4 <= messages.length; at += 4 + messages.readUIntBE(at + 1, 3))
    types.push(messages[at] as number);
  return types;
}
