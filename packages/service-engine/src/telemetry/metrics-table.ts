// The metrics table: every counter and gauge of an engine in shared memory, one column a worker, summed when it is read.

import { type MetricDefinition, type MetricName, type MetricScope, metricCatalogue } from '@limpet/model';

/** Virtual services that one engine can hold. */
export const VIRTUAL_SERVICE_SLOTS_MAX = 1024;

interface MetricPlace {
  readonly definition: MetricDefinition;
  /** Of its first series in the row of its scope. */
  readonly offset: number;
}

const rowLengths: Record<MetricScope, number> = { engine: 0, virtual_service: 0, server: 0 };
const places = new Map<MetricName, MetricPlace>();
for (const definition of metricCatalogue as readonly MetricDefinition[]) {
  places.set(definition.name as MetricName, { definition, offset: rowLengths[definition.scope] });
  rowLengths[definition.scope] += definition.label?.values.length ?? 1;
}

/** Where a metric (one value of its label, if it has one) lies in the row of its scope; resolve once, use in hot paths. */
export function metricOffset(name: MetricName, labelValue?: string): number {
  const place = places.get(name) as MetricPlace;
  if (place.definition.label === undefined) return place.offset;
  const index = place.definition.label.values.indexOf(labelValue ?? '');
  if (index < 0) throw new RangeError(`${name} has no ${place.definition.label.name} "${labelValue}"`);
  return place.offset + index;
}

/**
 * Numbers by (worker, scope, slot, metric). Each worker writes its own column and no other, so no atomics are needed; a
 * reader adds up the columns and may be one event behind.
 */
export class MetricsTable {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Float64Array;
  readonly #columns: number;
  readonly #columnCells: number;
  readonly #starts: Record<MetricScope, number>;
  readonly #column: number;

  /** @param column this thread's column: workers have 0…, the main thread the last one. */
  constructor(memory: SharedArrayBuffer, columns: number, column: number, serverSlots: number) {
    this.memory = memory;
    this.#cells = new Float64Array(memory);
    this.#columns = columns;
    this.#columnCells = MetricsTable.#cellsPerColumn(serverSlots);
    this.#starts = {
      engine: 0,
      virtual_service: rowLengths.engine,
      server: rowLengths.engine + rowLengths.virtual_service * VIRTUAL_SERVICE_SLOTS_MAX,
    };
    this.#column = column;
  }

  static allocate(columns: number, serverSlots: number): SharedArrayBuffer {
    return new SharedArrayBuffer(
      columns * MetricsTable.#cellsPerColumn(serverSlots) * Float64Array.BYTES_PER_ELEMENT,
    );
  }

  static #cellsPerColumn(serverSlots: number): number {
    return (
      rowLengths.engine +
      rowLengths.virtual_service * VIRTUAL_SERVICE_SLOTS_MAX +
      rowLengths.server * serverSlots
    );
  }

  add(scope: MetricScope, slot: number, offset: number, by = 1): void {
    const at = this.#at(this.#column, scope, slot, offset);
    this.#cells[at] = (this.#cells[at] as number) + by;
  }

  /** What {@link add} does for one slot, with the place looked up once: an engine counts ten things a request. */
  row(scope: MetricScope, slot: number): MetricsRow {
    const cells = this.#cells;
    const start = this.#at(this.#column, scope, slot, 0);
    return {
      add: (offset, by = 1) => {
        cells[start + offset] = (cells[start + offset] as number) + by;
      },
    };
  }

  /** Sets this thread's share of a gauge. */
  set(scope: MetricScope, slot: number, offset: number, value: number): void {
    this.#cells[this.#at(this.#column, scope, slot, offset)] = value;
  }

  /** The sum over all threads. */
  read(scope: MetricScope, slot: number, offset: number): number {
    let sum = 0;
    for (let column = 0; column < this.#columns; column++) {
      sum += this.#cells[this.#at(column, scope, slot, offset)] as number;
    }
    return sum;
  }

  /** Forgets a slot whose owner is gone, so that the next owner starts at zero. */
  reset(scope: MetricScope, slot: number): void {
    for (let column = 0; column < this.#columns; column++) {
      const start = this.#at(column, scope, slot, 0);
      this.#cells.fill(0, start, start + rowLengths[scope]);
    }
  }

  /** Zeroes the gauges of a worker that died; its counters stay, since what they count has happened. */
  releaseWorker(worker: number, slots: Record<MetricScope, number>): void {
    for (const { definition, offset } of places.values()) {
      if (definition.type !== 'gauge') continue;
      for (let slot = 0; slot < slots[definition.scope]; slot++) {
        this.#cells[this.#at(worker, definition.scope, slot, offset)] = 0;
      }
    }
  }

  #at(column: number, scope: MetricScope, slot: number, offset: number): number {
    return column * this.#columnCells + this.#starts[scope] + slot * rowLengths[scope] + offset;
  }
}

/** Counts for one owner: a virtual service, a server or the engine, with its slot already applied. */
export interface MetricsRow {
  add(offset: number, by?: number): void;
}

export function metricsRow(table: MetricsTable, scope: MetricScope, slot: number): MetricsRow {
  return table.row(scope, slot);
}
