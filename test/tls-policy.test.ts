import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { runCommand, TicketClient } from '@limpet/testkit';
import type { Engine } from './support/engine.ts';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

describe('the TLS of a virtual service', () => {
  let bed: TwoEngines;
  before(async () => {
    bed = await startTwoEngines();
  });
  after(() => bed.stop());

  const handshake = async (engine: Engine, options: ConnectionOptions): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port: engine.port, rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    return socket;
  };
  /** An engine of its own with other fields in its SSL profile. */
  const engineWith = (sslProfile: Record<string, unknown>, persistence = true): Promise<Engine> =>
    bed.fleet.startEngine(bed.configuration({ sslProfile, persistence }));

  it('offers the post-quantum group that Node offers, and X25519', async () => {
    for (const group of ['X25519MLKEM768', 'X25519', 'P-256']) {
      const socket = await handshake(bed.engines[0], { ecdhCurve: group, minVersion: 'TLSv1.3' });
      assert.equal(socket.getProtocol(), 'TLSv1.3', group);
      socket.destroy();
    }
  });

  it('negotiates h2 and http/1.1 by ALPN, and http/1.1 without', async () => {
    for (const [offered, negotiated] of [
      [['h2', 'http/1.1'], 'h2'],
      [['http/1.1'], 'http/1.1'],
      [[], false],
    ] as const) {
      const socket = await handshake(bed.engines[0], { ALPNProtocols: [...offered] });
      assert.equal(socket.alpnProtocol, negotiated);
      socket.destroy();
    }
  });

  it('refuses renegotiation, which TLS 1.2 clients may ask for (R16)', async () => {
    const { stdout, stderr } = await runCommand(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${bed.ports[0]}`, '-tls1_2'],
      // A line that begins with R asks for it.
      { input: 'R\n' },
    );
    assert.match(stdout, /New, TLSv1\.2/);
    assert.match(stdout + stderr, /no renegotiation|alert/i);
    assert.equal((await new TicketClient().visit(bed.ports[0])).status, 200);
  });

  it('has the versions and ciphers of its SSL profile, and no others', async () => {
    const engine = await engineWith({
      accepted_versions: [{ type: 'SSL_VERSION_TLS1_3' }],
      ciphersuites: 'TLS_AES_256_GCM_SHA384',
    });
    const socket = await handshake(engine, {});
    assert.equal(socket.getCipher().standardName, 'TLS_AES_256_GCM_SHA384');
    socket.destroy();
    await assert.rejects(handshake(engine, { maxVersion: 'TLSv1.2' }), { code: /PROTOCOL_VERSION/ });
    await assert.rejects(handshake(engine, { ciphers: 'TLS_AES_128_GCM_SHA256' }), {
      code: /HANDSHAKE_FAILURE/,
    });
  });

  it('issues no tickets where session reuse is off, and none resumes (R18)', async () => {
    const engine = await engineWith({ enable_ssl_session_reuse: false }, false);
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      const own = new TicketClient({ version });
      await own.visit(engine.port);
      assert.equal((await own.visit(engine.port)).reused, false, version);
      const other = new TicketClient({ version });
      await other.visit(bed.ports[0]);
      assert.equal((await other.visit(engine.port)).reused, false, `a ticket of another engine, ${version}`);
    }
    assert.equal(await engine.metric('limpet_tickets_issued_total'), 0);
  });

  it('mirrors its ticket keys to every engine also where there is no persistence', async () => {
    const [one, other] = await Promise.all([engineWith({}, false), engineWith({}, false)]);
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      const client = new TicketClient({ version });
      await client.visit(one.port);
      assert.equal((await client.visit(other.port)).reused, true, version);
    }
  });
});
