// Rows of cells that the workers of an engine share: in each row totals over all workers, and beside them columns in which every worker keeps its own part.

/** How many cells of each kind a row has. */
export interface RowFields {
  readonly totals: number;
  readonly ofWorker: number;
}

/** Where each cell lies, and what becomes of rows and columns whose owner is gone. Totals and columns are counted each from 0. */
export class SharedRows {
  readonly #cells: Int32Array;
  readonly #start: number;
  readonly #totals: number;
  readonly #ofWorker: number;
  readonly #rowCells: number;

  /** @param start of the first row among the cells. */
  constructor(cells: Int32Array, start: number, fields: RowFields, workers: number) {
    this.#cells = cells;
    this.#start = start;
    this.#totals = fields.totals;
    this.#ofWorker = fields.ofWorker;
    this.#rowCells = SharedRows.cellsFor(1, fields, workers);
  }

  static cellsFor(rows: number, { totals, ofWorker }: RowFields, workers: number): number {
    return rows * (totals + ofWorker * workers);
  }

  at(row: number, total: number): number {
    return this.#start + row * this.#rowCells + total;
  }

  ownAt(row: number, column: number, worker: number): number {
    return this.#start + row * this.#rowCells + this.#totals + worker * this.#ofWorker + column;
  }

  /** Makes a row ready for another owner. Main thread, once every worker has let go of the former one. */
  reset(row: number): void {
    const start = this.at(row, 0);
    for (let cell = 0; cell < this.#rowCells; cell++) Atomics.store(this.#cells, start + cell, 0);
  }

  /** Takes what a dead worker held out of a total. Main thread, once the worker has exited. */
  giveBack(row: number, total: number, column: number, worker: number): void {
    const held = Atomics.exchange(this.#cells, this.ownAt(row, column, worker), 0);
    if (held !== 0) Atomics.sub(this.#cells, this.at(row, total), held);
  }
}
