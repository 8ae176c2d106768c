// The load-balancing algorithms that there are, and what consistent hash can go by, from Avi's names.

import type { LbAlgorithm, PoolSnapshot } from './snapshot.ts';

export const lbAlgorithms: Readonly<Record<string, LbAlgorithm>> = {
  LB_ALGORITHM_ROUND_ROBIN: 'round-robin',
  LB_ALGORITHM_LEAST_CONNECTIONS: 'least-connections',
  LB_ALGORITHM_FASTEST_RESPONSE: 'fastest-response',
  LB_ALGORITHM_RANDOM: 'random-of-two',
  LB_ALGORITHM_CONSISTENT_HASH: 'consistent-hash',
};

export const hashCriteria: Readonly<Record<string, NonNullable<PoolSnapshot['hash']>>> = {
  LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS: 'address',
  LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS_AND_PORT: 'address-and-port',
};
