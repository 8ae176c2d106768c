import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ANY_SERVER, QueueTable } from './queue-table.ts';
import { RequestQueue } from './request-queue.ts';
import { RequestQueues } from './request-queues.ts';
import { ServerTable } from './server-table.ts';
import type { QueuePlace, Waiter } from './wait-list.ts';

const SERVERS = [0, 1];
const POOL = 0;

interface Request extends Waiter {
  readonly worker: number;
  readonly target: number;
  readonly order: number;
  place: QueuePlace | undefined;
  /** The server that it is at. */
  at: number | undefined;
}

/** Some workers over the same memory, in one thread: signals are delivered when the test says so. */
class Model {
  readonly limit: number;
  readonly depth: number;
  readonly serverMemory: SharedArrayBuffer;
  readonly queueMemory: SharedArrayBuffer;
  readonly main: { readonly servers: ServerTable; readonly queues: QueueTable };
  readonly tables: ServerTable[];
  readonly queueTables: QueueTable[];
  queues: RequestQueue[];
  readonly heard: number[];
  readonly waiting = new Set<Request>();
  readonly active = new Set<Request>();
  #order = 0;

  constructor(workers: number, limit: number, depth: number) {
    this.limit = limit;
    this.depth = depth;
    this.serverMemory = ServerTable.allocate(workers, SERVERS.length);
    this.queueMemory = QueueTable.allocate(workers, SERVERS.length, 1);
    const each = Array.from({ length: workers }, (_, worker) => worker);
    this.tables = each.map((worker) => new ServerTable(this.serverMemory, workers, worker));
    this.queueTables = each.map((worker) => new QueueTable(this.queueMemory, workers, worker, 1));
    this.queues = each.map((worker) => this.#queueOf(worker));
    this.heard = each.map(() => 0);
    this.main = {
      servers: new ServerTable(this.serverMemory, workers, -1),
      queues: new QueueTable(this.queueMemory, workers, -1, 1),
    };
  }

  #queueOf(worker: number): RequestQueue {
    return new RequestQueue(this.queueTables[worker] as QueueTable, POOL, worker, () => {});
  }

  arrive(worker: number, target: number): void {
    const request: Request = {
      ...{ worker, target, order: this.#order++, place: undefined, at: undefined },
      takeTurn: () => this.#take(request),
    };
    if (this.#take(request)) return;
    const queue = this.queues[worker] as RequestQueue;
    request.place = queue.enter(request, target, this.depth);
    if (request.place === undefined) {
      assert.equal(this.waiting.size, this.depth, 'refused only when full');
      return;
    }
    this.waiting.add(request);
    queue.begin(request.place);
  }

  finish(request: Request): void {
    this.active.delete(request);
    const server = request.at as number;
    this.tables[request.worker]?.removeActive(server);
    this.queues[request.worker]?.released(server);
  }

  abort(request: Request): void {
    this.waiting.delete(request);
    this.queues[request.worker]?.abandon(request.place as QueuePlace);
  }

  /** The thread is gone with everything that it held, and another has taken its place. */
  die(worker: number): void {
    for (const set of [this.waiting, this.active])
      for (const request of set) if (request.worker === worker) set.delete(request);
    this.main.servers.releaseWorker(worker);
    this.main.queues.releaseWorker(worker, 1, SERVERS.length);
    this.queues[worker] = this.#queueOf(worker);
  }

  /** Returns whether there was a signal. */
  deliver(worker: number): boolean {
    const { signals } = this.queueTables[worker] as QueueTable;
    if (signals === this.heard[worker]) return false;
    this.heard[worker] = signals;
    this.queues[worker]?.pump();
    return true;
  }

  /** Delivers every signal; then nobody waits for what is there. */
  settle(): void {
    for (let turns = 0; this.queues.map((_, worker) => this.deliver(worker)).some(Boolean); turns++)
      assert.ok(turns < 1000, 'workers wake each other for ever');
    for (const server of SERVERS) {
      if (this.main.servers.active(server) >= this.limit) continue;
      const left = [...this.waiting].filter(({ target }) => target === server || target === ANY_SERVER);
      assert.equal(left.length, 0, `server ${server} has a place, and somebody waits for it`);
    }
  }

  check(): void {
    for (const server of SERVERS) {
      const there = [...this.active].filter(({ at }) => at === server).length;
      assert.equal(this.main.servers.active(server), there);
      assert.ok(there <= this.limit, `${there} at server ${server}`);
    }
    assert.equal(this.main.queues.waiting(POOL), this.waiting.size);
  }

  #take(request: Request): boolean {
    const { worker, target, place } = request;
    const queue = this.queues[worker] as RequestQueue;
    for (const server of target === ANY_SERVER ? SERVERS : [target]) {
      if (queue.isAwaited(server, place?.ticket ?? 0)) continue;
      if (!this.tables[worker]?.tryAddActive(server, this.limit)) continue;
      for (const other of this.waiting) {
        if (other.target !== server && other.target !== ANY_SERVER) continue;
        assert.ok(other.order >= request.order, 'one that came later went first');
      }
      request.at = server;
      this.waiting.delete(request);
      this.active.add(request);
      return true;
    }
    return false;
  }
}

type Step =
  | { readonly kind: 'arrive'; readonly worker: number; readonly target: number }
  | { readonly kind: 'finish'; readonly which: number }
  | { readonly kind: 'abort'; readonly which: number }
  | { readonly kind: 'deliver'; readonly worker: number }
  | { readonly kind: 'die'; readonly worker: number }
  | { readonly kind: 'settle' };

const WORKERS = 3;
const worker = fc.nat(WORKERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('arrive' as const),
      worker,
      target: fc.constantFrom(ANY_SERVER, ...SERVERS),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('abort' as const), which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('deliver' as const), worker }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'settle' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), worker }) },
);

function nth(set: ReadonlySet<Request>, which: number): Request | undefined {
  return [...set][which % Math.max(1, set.size)];
}

function take(model: Model, next: Step): void {
  if (next.kind === 'arrive') model.arrive(next.worker, next.target);
  if (next.kind === 'deliver') model.deliver(next.worker);
  if (next.kind === 'die') model.die(next.worker);
  if (next.kind === 'settle') model.settle();
  if (next.kind === 'finish') {
    const request = nth(model.active, next.which);
    if (request !== undefined) model.finish(request);
  }
  if (next.kind === 'abort') {
    const request = nth(model.waiting, next.which);
    if (request !== undefined) model.abort(request);
  }
}

const arrive = (worker: number, target: number): Step => ({ kind: 'arrive', worker, target });
const finishFirst: Step = { kind: 'finish', which: 0 };
/** Places of a server, and steps after which a request once waited beside a free place. */
const STRANDED: readonly (readonly [limit: number, steps: readonly Step[]])[] = [
  [2, [arrive(0, 1), arrive(0, 1), arrive(2, 1), arrive(0, 1), finishFirst, finishFirst, arrive(2, 1)]],
  [
    1,
    [
      ...[arrive(0, ANY_SERVER), arrive(2, 0), arrive(2, 0), finishFirst, { kind: 'settle' } as const],
      ...[arrive(0, ANY_SERVER), arrive(2, ANY_SERVER), arrive(0, 1), finishFirst, finishFirst, finishFirst],
    ],
  ],
];

describe('the request queue over several workers', () => {
  it('gives every free place to the oldest request that can use it, never too many, and ends at zero', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 100, size: 'max' }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 12 }),
        (steps, limit, depth) => {
          const model = new Model(WORKERS, limit, depth);
          for (const next of steps) {
            take(model, next);
            model.check();
          }
          model.settle();
          model.check();
          for (let left = model.active.size + model.waiting.size; left > 0; left--) {
            const request = nth(model.active, left);
            if (request === undefined) break;
            model.finish(request);
            model.settle();
          }
          model.check();
          assert.equal(model.waiting.size + model.active.size, 0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('passes a wake-up on when the worker that it was for has already served its own by another event', () => {
    for (const [limit, steps] of STRANDED) {
      const model = new Model(WORKERS, limit, 3);
      for (const next of steps) take(model, next);
      model.settle();
      model.check();
    }
  });

  it('lets as many wait as its depth, counted over all workers', () => {
    const model = new Model(2, 1, 3);
    for (let count = 0; count < 8; count++) model.arrive(count % 2, 0);
    assert.equal(model.active.size, 1);
    assert.equal(model.waiting.size, 3);
  });

  it('does not hold up those that wait for another server', () => {
    const model = new Model(2, 1, 10);
    model.arrive(0, 0);
    model.arrive(0, 0);
    model.arrive(1, 1);
    assert.deepEqual(
      [...model.active].map(({ at }) => at),
      [0, 1],
    );
  });
});

describe('the request queues of a worker', () => {
  it('are woken by a signal of another, without being asked again and again', async () => {
    const memory = QueueTable.allocate(2, 1, 1);
    const other = new QueueTable(memory, 2, 1, 1);
    const queue = new RequestQueues(new QueueTable(memory, 2, 0, 1), 0).of(POOL);
    let isFree = false;
    let looks = 0;
    const served = new Promise<void>((resolve) => {
      const waiter: Waiter = {
        takeTurn: () => {
          looks++;
          if (isFree) resolve();
          return isFree;
        },
      };
      const place = queue.enter(waiter, 0, 10);
      assert.ok(place !== undefined);
      queue.begin(place);
    });
    await new Promise(setImmediate);
    const before = looks;
    other.signal(0);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    isFree = true;
    new RequestQueue(other, POOL, 1, () => {}).released(0);
    await served;
    assert.ok(before <= 3 && looks <= before + 3, `${looks} looks`);
    assert.equal(queue.size, 0);
    assert.equal(other.waiting(POOL), 0);
  });
});
