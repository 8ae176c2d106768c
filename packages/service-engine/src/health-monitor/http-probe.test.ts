import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HealthMonitorSnapshot } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { probeHttp, probeRequest } from './http-probe.ts';
import { describeProbe } from './probe.conformance.ts';
import { startTarget, writeApart } from './probe-target.ts';

type HttpMonitor = HealthMonitorSnapshot & { kind: 'http' };

const monitor: HttpMonitor = {
  kind: 'http',
  name: 'http',
  sendIntervalMs: 10_000,
  receiveTimeoutMs: 2000,
  successfulChecks: 1,
  failedChecks: 1,
  request: 'GET /health HTTP/1.1',
  exact: false,
  statusRanges: [[200, 299]],
};

const OK_HEAD = 'HTTP/1.1 200 OK\r\n\r\n';

describeProbe('http', OK_HEAD, (target, response, services) =>
  probeHttp(target, { ...monitor, response }, services),
);

/** `ok`, or the failure code, for an answer that comes in these pieces and ends. */
async function verdictOf(pieces: Iterable<string>, changes: Partial<HttpMonitor> = {}): Promise<string> {
  const clock = createFakeClock();
  const target = await startTarget((socket, chunk) => {
    if (chunk === '') return;
    writeApart(socket, pieces);
  });
  const result = await probeHttp(
    target.address,
    { ...monitor, ...changes },
    { clock, deadlines: clock.deadlines },
  );
  await target.stop();
  return result.ok ? 'ok' : result.failureCode;
}

describe('the HTTP probe', () => {
  it('takes the codes of its ranges, their ends included, and no others', async () => {
    const statusRanges = [
      [200, 299],
      [404, 404],
    ] as const;
    const verdicts: Record<number, string> = {};
    for (const code of [199, 200, 204, 299, 300, 403, 404, 405, 500]) {
      verdicts[code] = await verdictOf([`HTTP/1.1 ${code} Some Reason\r\n\r\n`], { statusRanges });
    }
    const wrong = 'RESPONSE_CODE_MISMATCH';
    assert.deepEqual(verdicts, {
      199: wrong,
      200: 'ok',
      204: 'ok',
      299: 'ok',
      300: wrong,
      403: wrong,
      404: 'ok',
      405: wrong,
      500: wrong,
    });
  });

  it('takes maintenance codes for maintenance, also among those that are acceptable otherwise', async () => {
    const maintenanceCodes = [200, 503];
    const codeMatch = 'MAINTENANCE_RESPONSE_CODE_MATCH';
    assert.equal(await verdictOf(['HTTP/1.1 503 Busy\r\n\r\n'], { maintenanceCodes }), codeMatch);
    assert.equal(await verdictOf([OK_HEAD], { maintenanceCodes }), codeMatch);
    assert.equal(await verdictOf(['HTTP/1.1 204 -\r\n\r\n'], { maintenanceCodes }), 'ok');
    const wrong = await verdictOf(['HTTP/1.1 500 -\r\n\r\n'], { maintenanceCodes });
    assert.equal(wrong, 'RESPONSE_CODE_MISMATCH');
  });

  it('looks for the keyword of maintenance in the whole answer, whatever its status', async () => {
    const changes = { maintenanceResponse: 'back soon' };
    const match = 'MAINTENANCE_PAYLOAD_CONTENT_MATCH';
    for (const status of ['200 OK', '503 Busy']) {
      const head = `HTTP/1.1 ${status}\r\n\r\n`;
      assert.equal(await verdictOf([head, 'we are ', 'back', ' soon'], changes), match);
    }
    const unended = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell';
    assert.equal(await verdictOf([unended], changes), 'ok', 'the length says that no more will come');
    const failing = 'HTTP/1.1 500 -\r\ncontent-length:0\r\n\r\n';
    assert.equal(await verdictOf([failing], changes), 'RESPONSE_CODE_MISMATCH');
  });

  it('says which code came instead', async () => {
    const clock = createFakeClock();
    const target = await startTarget((socket) => socket.end('HTTP/1.0 503 Busy\r\n\r\n'));
    const result = await probeHttp(target.address, monitor, { clock, deadlines: clock.deadlines });
    assert.deepEqual(result, {
      ok: false,
      failureCode: 'RESPONSE_CODE_MISMATCH',
      reason: 'the status is 503',
    });
    await target.stop();
  });

  it('reads the status line however it is cut, with and without a reason, of HTTP/1.0 and 1.1', async () => {
    for (const line of ['HTTP/1.1 200 OK\r\n', 'HTTP/1.0 200\r\n', 'HTTP/1.1 200 \r\n', 'HTTP/1.0 200\n']) {
      assert.equal(await verdictOf(line), 'ok', line);
    }
  });

  it('judges by the status at once, without waiting for the body', async () => {
    assert.equal(await verdictOf(['HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst bytes']), 'ok');
  });

  it('fails on what is not HTTP, as soon as that is plain', async () => {
    assert.equal(await verdictOf(['SSH-2.0-OpenSSH_9.2p1\r\n']), 'PAYLOAD_CONTENT_MISMATCH');
    assert.equal(await verdictOf(['HTTP/2 is not spoken here']), 'PAYLOAD_CONTENT_MISMATCH');
  });

  it('takes the keyword from the head as well as from the body', async () => {
    const answer = ['HTTP/1.1 200 OK\r\nX-State: green\r\n', '\r\n', '{"state":"gold"}'];
    assert.equal(await verdictOf(answer, { response: 'X-State: green' }), 'ok');
    assert.equal(await verdictOf(answer, { response: '"gold"' }), 'ok');
  });

  it('fails by the code though the keyword is there', async () => {
    const answer = ['HTTP/1.1 500 Oops\r\n\r\nall is well'];
    assert.equal(await verdictOf(answer, { response: 'all is well' }), 'RESPONSE_CODE_MISMATCH');
  });

  it('says that the server closed without an answer', async () => {
    const clock = createFakeClock();
    const target = await startTarget((socket, chunk) => chunk !== '' && socket.end());
    const result = await probeHttp(target.address, monitor, { clock, deadlines: clock.deadlines });
    assert.deepEqual(result, {
      ok: false,
      failureCode: 'CONNECTION_RESET',
      reason: 'closed without an answer',
    });
    await target.stop();
  });

  it('sends its request to the server, whole', async () => {
    const clock = createFakeClock();
    const request = 'POST /check HTTP/1.1\r\nHost: shop.example\r\nContent-Type: text/plain';
    const asked: HttpMonitor = { ...monitor, request, body: 'ping \xe9' };
    const target = await startTarget((socket, chunk) => chunk.endsWith('\xe9') && socket.end(OK_HEAD));
    const result = await probeHttp(target.address, asked, { clock, deadlines: clock.deadlines });
    assert.equal(result.ok, true);
    assert.equal(target.received, probeRequest(target.address, asked));
    await target.stop();
  });
});

describe('the request of an HTTP probe', () => {
  const target = { ip: '192.0.2.7', port: 8080 };

  it('gets the fields that a server needs', () => {
    assert.equal(
      probeRequest(target, monitor),
      'GET /health HTTP/1.1\r\nHost: 192.0.2.7:8080\r\nUser-Agent: limpet\r\nAccept: */*\r\nConnection: close\r\n\r\n',
    );
  });

  it('names an IPv6 server in brackets', () => {
    assert.match(probeRequest({ ip: '2001:db8::1', port: 80 }, monitor), /\r\nHost: \[2001:db8::1\]:80\r\n/);
  });

  it('keeps the fields that are configured, in any case of letters', () => {
    const request =
      'GET / HTTP/1.1\r\nhost: shop.example\r\nCONNECTION: keep-alive\r\nuser-agent: me\r\naccept: a/b';
    assert.equal(probeRequest(target, { ...monitor, request }), `${request}\r\n\r\n`);
  });

  it('says how long the body is', () => {
    const sent = probeRequest(target, { ...monitor, request: 'POST / HTTP/1.1', body: 'five\xe9' });
    assert.match(sent, /\r\nContent-Length: 5\r\n(?:.+\r\n)*\r\nfive\xe9$/);
  });

  it('is left alone where it is to be exact', () => {
    const exact = { ...monitor, exact: true };
    assert.equal(probeRequest(target, exact), 'GET /health HTTP/1.1\r\n\r\n');
    const whole = 'GET / HTTP/1.0\r\nX: y\r\n\r\n';
    assert.equal(probeRequest(target, { ...exact, request: whole }), whole);
    assert.equal(probeRequest(target, { ...exact, body: 'b' }), 'GET /health HTTP/1.1\r\n\r\nb');
  });
});
