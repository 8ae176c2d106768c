import assert from 'node:assert/strict';
import { createECDH } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCommand, TicketClient, ticketOf } from '@limpet/testkit';
import { helloBytes, uint16, vector } from '../packages/service-engine/src/client-hello/test-hello.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('what an engine puts on the wire', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines();
  });
  after(() => bed.stop());

  it('is a fresh ticket on every TLS 1.3 connection, with nothing in common with those before (R11, R3)', async () => {
    const client = new TicketClient({ version: 'TLSv1.3' });
    const names = new Set<string>();
    const ivs = new Set<string>();
    let tickets = 0;
    for (let visit = 0; visit < 30; visit++) {
      const { connection, reused } = await client.visit(bed.ports[visit % 2] as number);
      assert.equal(reused, visit > 0);
      assert.ok(connection.sessions.length >= 1, 'a ticket on each connection, resumed or not');
      for (const session of connection.sessions) {
        const ticket = ticketOf(session);
        tickets++;
        names.add(ticket.toString('hex', 0, 16));
        ivs.add(ticket.toString('hex', 16, 32));
      }
    }
    assert.equal(names.size, tickets);
    assert.equal(ivs.size, tickets);
  });

  it('is a cipher as strong as that of its tickets, where the client leaves the choice (R2)', async () => {
    const strongerFirst = { ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256' };
    const connection = await new TicketClient({ version: 'TLSv1.3', tls: strongerFirst }).connect(
      bed.ports[0],
    );
    assert.equal(connection.socket.getCipher().standardName, 'TLS_AES_128_GCM_SHA256');
    await connection.close();
  });

  it('is the session id of the client, exactly as long as it was sent (R12)', async () => {
    for (const length of [0, 1, 31, 32]) {
      const share = createECDH('prime256v1').generateKeys();
      const hello = helloBytes({
        sessionIdBytes: length,
        cipherSuites: uint16(0x1301),
        extensions: [
          [43, vector(1, uint16(0x0304))],
          [10, vector(2, uint16(0x0017))],
          [13, vector(2, uint16(0x0403))],
          [51, vector(2, uint16(0x0017), vector(2, share))],
        ],
      });
      const answer = await firstBytes(bed.ports[0], hello);
      assert.equal(answer[5], 2, 'a ServerHello');
      assert.equal(answer[43], length);
      // The cipher suite is right behind it.
      assert.equal(answer.readUInt16BE(44 + length), 0x1301);
    }
  });

  it('is an answer to a client that offers early data, which is not taken (R10)', async () => {
    const session = join(bed.fleet.folder, 'early.pem');
    const early = join(bed.fleet.folder, 'early.txt');
    const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    writeFileSync(early, request);
    const client = (...more: string[]) => {
      const target = ['s_client', '-connect', `127.0.0.1:${bed.ports[0]}`, '-servername', 'localhost'];
      return runCommand('openssl', [...target, '-tls1_3', '-ign_eof', ...more], { input: request });
    };
    await client('-sess_out', session);
    const { stdout } = await client('-sess_in', session, '-early_data', early);
    assert.match(stdout, /Early data was (?:not sent|rejected)/);
    assert.equal(stdout.match(/HTTP\/1\.1 200/g)?.length, 1);
  });
});

function firstBytes(port: number, sent: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write(sent));
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes);
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}
