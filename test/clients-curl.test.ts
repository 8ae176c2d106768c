import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runCommand, type Spreader, startSpreader } from '@limpet/testkit';
import { startTwoEngines, type TwoEngines } from './support/two-engines.ts';

const VISITS = 20;

describe('curl', () => {
  let bed: TwoEngines;
  let spreader: Spreader;
  before(async () => {
    bed = await startTwoEngines();
    // curl keeps its tickets by host and port.
    spreader = await startSpreader(bed.ports);
  });
  after(async () => {
    await spreader.stop();
    await bed.stop();
  });

  /** Runs curl and reads the server of each answer. */
  const servers = async (args: readonly string[]): Promise<string[]> => {
    const { code, stdout, stderr } = await runCommand('curl', args);
    assert.equal(code, 0, stderr);
    return stdout.trimEnd().split('\n');
  };
  const total = async (metric: string): Promise<number> => {
    const [first, second] = await Promise.all(bed.engines.map((engine) => engine.metric(metric)));
    return (first as number) + (second as number);
  };
  const request = (turn: number): string[] => [
    ...['--silent', '--show-error', '--insecure', '--write-out', '%header{x-demo-server}\n'],
    ...['--output', '/dev/null', `https://127.0.0.1:${spreader.port}/?turn=${turn}`],
  ];

  for (const protocol of ['--http1.1', '--http2'] as const) {
    it(`comes back to its server on each new connection, engines in turn (${protocol})`, async () => {
      const hits = await total('limpet_persistence_hits_total');
      const reached = [...spreader.counts];
      // One process, so that the tickets are kept; a source address for each request, so that each is a new connection.
      const answers = await servers(
        Array.from({ length: VISITS }, (_, turn) => [
          ...(turn === 0 ? [] : ['--next']),
          ...[protocol, '--interface', `127.0.0.${2 + turn}`, ...request(turn)],
        ]).flat(),
      );
      assert.equal(answers.length, VISITS);
      assert.equal(new Set(answers).size, 1, JSON.stringify(answers));
      assert.equal((await total('limpet_persistence_hits_total')) - hits, VISITS - 1);
      assert.deepEqual(
        spreader.counts.map((count, index) => count - (reached[index] as number)),
        [VISITS / 2, VISITS / 2],
      );
    });
  }

  it('reaches one server with six parallel first connections', async () => {
    const connections = () => spreader.counts.reduce((sum, count) => sum + count);
    const before = connections();
    const parallel = ['--parallel', '--parallel-immediate', '--parallel-max', '6', '--http1.1'];
    const answers = await servers([
      ...parallel,
      ...Array.from({ length: 6 }, (_, turn) => request(turn)).flat(),
    ]);
    assert.equal(answers.length, 6);
    assert.equal(new Set(answers).size, 1, JSON.stringify(answers));
    assert.ok(connections() - before > 1, 'over several connections');
  });
});
