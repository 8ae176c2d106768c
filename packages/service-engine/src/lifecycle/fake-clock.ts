// The fake clock: time that stands still until a test drives it on, and the ticks that fall into the stretch.

import type { Clock } from './clock.ts';
import { Deadlines, type Ticker } from './deadlines.ts';

export interface FakeClock extends Clock {
  readonly ticker: Ticker;
  /** A wheel that this clock drives. */
  readonly deadlines: Deadlines;
  /** Tickers that run now: 0 once everything is stopped. */
  readonly tickersRunning: number;
  /** Goes on, with every tick at its own moment. */
  advance(byMs: number): void;
  /** Goes on at once, as for a process that was stopped: ticks that were missed come as one. */
  jump(byMs: number): void;
}

interface RunningTicker {
  readonly onTick: () => void;
  readonly intervalMs: number;
  nextMs: number;
}

/** 2026-01-01; the monotonic clock has an origin of its own, as a real one has. */
const UNIX_ORIGIN_MS = 1_767_225_600_000;

export function createFakeClock(monotonicStartMs = 1000): FakeClock {
  let nowMs = monotonicStartMs;
  const running = new Set<RunningTicker>();
  const clock: Clock = {
    monotonicMs: () => nowMs,
    unixMs: () => UNIX_ORIGIN_MS + nowMs - monotonicStartMs,
  };
  const ticker: Ticker = (onTick, intervalMs) => {
    const started: RunningTicker = { onTick, intervalMs, nextMs: nowMs + intervalMs };
    running.add(started);
    return { stop: () => void running.delete(started) };
  };
  const tick = (due: RunningTicker): void => {
    due.nextMs = nowMs + due.intervalMs;
    due.onTick();
  };
  const earliest = (): RunningTicker | undefined => {
    let first: RunningTicker | undefined;
    for (const one of running) if (first === undefined || one.nextMs < first.nextMs) first = one;
    return first;
  };
  return {
    ...clock,
    ticker,
    deadlines: new Deadlines(clock, ticker),
    get tickersRunning() {
      return running.size;
    },
    advance(byMs) {
      const endMs = nowMs + byMs;
      for (let due = earliest(); due !== undefined && due.nextMs <= endMs; due = earliest()) {
        nowMs = due.nextMs;
        tick(due);
      }
      nowMs = endMs;
    },
    jump(byMs) {
      nowMs += byMs;
      for (const one of [...running]) if (running.has(one) && one.nextMs <= nowMs) tick(one);
    },
  };
}
