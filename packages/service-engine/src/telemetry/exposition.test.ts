import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exposeMetrics } from './exposition.ts';
import { MetricsTable, metricOffset } from './metrics-table.ts';

const owners = {
  engine: [{ slot: 0, labels: { engine: 'e' } }],
  virtual_service: [
    { slot: 0, labels: { engine: 'e', virtual_service: 'shop "one"\\' } },
    { slot: 1, labels: { engine: 'e', virtual_service: 'two' } },
  ],
  server: [{ slot: 3, labels: { engine: 'e', pool: 'p', server: 's' } }],
};

describe('the exposition', () => {
  it('adds up the columns of all workers and keeps rows apart', () => {
    const memory = MetricsTable.allocate(3, 8);
    const tables = [0, 1, 2].map((column) => new MetricsTable(memory, 3, column, 8));
    const total = metricOffset('limpet_connections_total');
    tables[0]?.add('virtual_service', 0, total, 5);
    tables[1]?.add('virtual_service', 0, total, 2);
    tables[1]?.add('virtual_service', 1, total);
    tables[2]?.set('server', 3, metricOffset('limpet_server_up'), 1);
    const text = exposeMetrics(tables[2] as MetricsTable, owners);
    assert.match(text, /^limpet_connections_total\{engine="e",virtual_service="shop \\"one\\"\\\\"\} 7$/m);
    assert.match(text, /^limpet_connections_total\{engine="e",virtual_service="two"\} 1$/m);
    assert.match(text, /^limpet_server_up\{engine="e",pool="p",server="s"\} 1$/m);
  });

  it('gives each value of a label a series of its own', () => {
    const table = new MetricsTable(MetricsTable.allocate(1, 8), 1, 0, 8);
    table.add('virtual_service', 0, metricOffset('limpet_tickets_not_opened_total', 'expired'));
    const text = exposeMetrics(table, owners);
    assert.match(text, /not_opened_total\{.*shop.*reason="expired"\} 1$/m);
    assert.match(text, /not_opened_total\{.*shop.*reason="unknown_key"\} 0$/m);
    assert.throws(() => metricOffset('limpet_tickets_not_opened_total', 'nonsense'), RangeError);
  });

  it('leaves out what is zero where it is asked to', () => {
    const table = new MetricsTable(MetricsTable.allocate(1, 8), 1, 0, 8);
    table.add('virtual_service', 1, metricOffset('limpet_connections_total'));
    const samples = exposeMetrics(table, owners, { zeros: false })
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('#'));
    assert.deepEqual(samples, ['limpet_connections_total{engine="e",virtual_service="two"} 1']);
  });

  it('has HELP and TYPE for each metric, and every sample line is well formed', () => {
    const table = new MetricsTable(MetricsTable.allocate(1, 8), 1, 0, 8);
    for (const line of exposeMetrics(table, owners).trimEnd().split('\n')) {
      assert.match(
        line,
        /^# (HELP|TYPE) limpet_\w+ .+$|^limpet_\w+(\{(\w+="(\\.|[^"\\])*",?)+\})? -?\d+(\.\d+)?$/,
      );
    }
  });

  it('zeroes the gauges of a dead worker and keeps its counters', () => {
    const memory = MetricsTable.allocate(2, 8);
    const worker = new MetricsTable(memory, 2, 0, 8);
    const main = new MetricsTable(memory, 2, 1, 8);
    const open = metricOffset('limpet_connections_open');
    const total = metricOffset('limpet_connections_total');
    worker.add('virtual_service', 1, open, 4);
    worker.add('virtual_service', 1, total, 9);
    main.releaseWorker(0, { engine: 1, virtual_service: 2, server: 1 });
    assert.equal(main.read('virtual_service', 1, open), 0);
    assert.equal(main.read('virtual_service', 1, total), 9);
  });
});
