// The vitals of an engine during a soak: what it holds, by the kernel and by its own account, and whether that grows.

import { readdirSync, readFileSync } from 'node:fs';
import type { Engine } from '../support/engine.ts';

export interface Vitals {
  readonly atMs: number;
  readonly rssBytes: number;
  /** The most that it was since the engine started. */
  readonly peakRssBytes: number;
  readonly descriptors: number;
  readonly heapBytes: number;
  readonly deadlines: number;
  readonly openConnections: number;
  readonly placedConnections: number;
  readonly activeRequests: number;
  readonly queuedRequests: number;
}

export async function readVitals(engine: Engine): Promise<Vitals> {
  const { pid } = engine.process.child;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [heapBytes, deadlines, openConnections, placedConnections, activeRequests, queuedRequests] =
    await Promise.all([
      engine.metric('limpet_heap_used_bytes'),
      engine.metric('limpet_deadlines_waiting'),
      engine.metric('limpet_connections_open'),
      engine.metric('limpet_server_connections_placed'),
      engine.metric('limpet_server_requests_active'),
      engine.metric('limpet_requests_queued'),
    ]);
  const kilobytesOf = (line: string): number =>
    Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  return {
    atMs: performance.now(),
    rssBytes: kilobytesOf('VmRSS') * 1024,
    peakRssBytes: kilobytesOf('VmHWM') * 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    ...{ heapBytes, deadlines, openConnections, placedConnections, activeRequests, queuedRequests },
  };
}

export interface Growth {
  /** By linear regression over the samples, from the first to the last. */
  readonly bytes: number;
  readonly meanBytes: number;
  readonly allowedBytes: number;
}

/** What a flat series may still seem to grow by: garbage that is not collected yet, and fragments. */
const NOISE_SHARE = 0.1;
const NOISE_BYTES = 12_000_000;

export function growthOf(samples: readonly Vitals[], of: 'rssBytes' | 'heapBytes'): Growth {
  const times = samples.map(({ atMs }) => atMs);
  const values = samples.map((sample) => sample[of]);
  const mean = (numbers: readonly number[]): number =>
    numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
  const [meanTime, meanBytes] = [mean(times), mean(values)];
  let covariance = 0;
  let variance = 0;
  times.forEach((time, index) => {
    covariance += (time - meanTime) * ((values[index] as number) - meanBytes);
    variance += (time - meanTime) ** 2;
  });
  const spanMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return {
    bytes: variance === 0 ? 0 : Math.round((covariance / variance) * spanMs),
    meanBytes: Math.round(meanBytes),
    allowedBytes: Math.round(meanBytes * NOISE_SHARE + NOISE_BYTES),
  };
}
