// The fake clock: time that stands still until a test drives it on, and the deadlines that fall into the stretch.

import type { Clock } from './clock.ts';
import { Deadlines, type Timer } from './deadlines.ts';

export interface FakeClock extends Clock {
  readonly timer: Timer;
  /** Deadlines that this clock drives. */
  readonly deadlines: Deadlines;
  /** Goes on, with everything that expires at its own moment. */
  advance(byMs: number): void;
}

/** 2026-01-01; the monotonic clock has an origin of its own, as a real one has. */
const UNIX_ORIGIN_MS = 1_767_225_600_000;
const MONOTONIC_ORIGIN_MS = 1000;

export function createFakeClock(): FakeClock {
  let nowMs = MONOTONIC_ORIGIN_MS;
  const running = new Set<{ readonly dueMs: number; readonly onExpire: () => void }>();
  const timer: Timer = (afterMs, onExpire) => {
    const started = { dueMs: nowMs + afterMs, onExpire };
    running.add(started);
    return { stop: () => void running.delete(started) };
  };
  const earliest = () =>
    [...running].reduce<{ readonly dueMs: number; readonly onExpire: () => void } | undefined>(
      (first, one) => (first === undefined || one.dueMs < first.dueMs ? one : first),
      undefined,
    );
  return {
    monotonicMs: () => nowMs,
    unixMs: () => UNIX_ORIGIN_MS + nowMs - MONOTONIC_ORIGIN_MS,
    timer,
    deadlines: new Deadlines(timer),
    advance(byMs) {
      const endMs = nowMs + byMs;
      for (let due = earliest(); due !== undefined && due.dueMs <= endMs; due = earliest()) {
        nowMs = due.dueMs;
        running.delete(due);
        due.onExpire();
      }
      nowMs = endMs;
    },
  };
}
