// What the kinds of clients in a soak have in common: where they go, when they stop, and how each request of theirs is accounted for.

import { setTimeout as elapse } from 'node:timers/promises';
import type { SeededRandom } from '../fuzz/seeded-random.ts';
import { CookieClient } from '../support/cookie-client.ts';
import type { Outcomes } from './outcomes.ts';

export interface TrafficContext {
  /** Ports of the engines, of each virtual service. */
  readonly services: readonly (readonly number[])[];
  readonly random: SeededRandom;
  readonly outcomes: Outcomes;
  /** Ends every lane after what it is doing. */
  readonly signal: AbortSignal;
}

/** A client that goes on until the signal; it never throws. */
export type Lane = (context: TrafficContext) => Promise<void>;

const PAUSE_MS_MAX = 60;

export async function pause({ random }: TrafficContext): Promise<void> {
  await elapse(random.below(PAUSE_MS_MAX));
}

/** One virtual service by the client's turn, and one of its engines by chance. */
export function portOf({ services, random }: TrafficContext, service: number): number {
  return random.pick(services[service % services.length] as readonly number[]);
}

/**
 * One request, or one stream of messages, with a mark in its path. What the exchange returns is what was wrong with the answer; nothing is good.
 * False: there is no use in going on with the connection.
 */
export async function attempt(
  { outcomes }: TrafficContext,
  kind: string,
  exchange: (mark: string) => Promise<string | undefined>,
): Promise<boolean> {
  const mark = outcomes.newMark();
  const startedAtMs = performance.now();
  try {
    const wrong = await exchange(mark);
    if (wrong === undefined) outcomes.answered(kind);
    else outcomes.failed({ kind, mark, startedAtMs, what: wrong, notSent: false });
    return wrong === undefined;
  } catch (error) {
    // After GOAWAY a client opens no stream on the connection (RFC 9113 §6.8), and a refused stream was not processed (§8.7).
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const notSent =
      /GOAWAY|INVALID_SESSION|SESSION_ERROR/.test(code) || /REFUSED_STREAM|with 7$/.test(String(error));
    outcomes.failed({ kind, mark, startedAtMs, what: tellOf(error), notSent });
    return false;
  }
}

/** A jar for each virtual service, by the client's turn. */
export function jarsOf({ services }: TrafficContext): (service: number) => CookieClient {
  const jars = services.map(() => new CookieClient());
  return (service) => jars[service % jars.length] as CookieClient;
}

/** A parser of Node's shows what it choked on. */
function tellOf(error: unknown): string {
  const { rawPacket } = error as { readonly rawPacket?: Buffer };
  return `${String(error)}${rawPacket === undefined ? '' : ` in ${JSON.stringify(rawPacket.toString('latin1').slice(0, 200))}`}`;
}
