// The request queue of a pool that a test makes: of one worker, with nobody else to wake.

import { QueueTable } from './queue-table.ts';
import type { RequestQueue } from './request-queue.ts';
import { RequestQueues } from './request-queues.ts';

export function queueForTest(serverSlots = 16): RequestQueue {
  return new RequestQueues(new QueueTable(QueueTable.allocate(1, serverSlots, 1), 1, 0, 1), 0).of(0);
}
