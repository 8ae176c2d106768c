// Robust statistics of a few noisy rounds: median, spread, and a bootstrap confidence interval of a median.

/** A source of numbers in [0, 1), so that a run can be repeated. */
export type Random = () => number;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** @throws RangeError where there is no value. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which the given share of the values lies, linear between neighbours. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('a quantile of no values');
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

/** Half the distance between the quartiles, as a share of the median: how far a typical round lies from it. */
export function relativeSpread(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / median(values);
}

/** Numerators over denominators of the same round. A drift of the whole machine cancels out. */
export function pairedRatios(
  numerators: readonly number[],
  denominators: readonly number[],
): readonly number[] {
  if (numerators.length !== denominators.length) throw new RangeError('pairs need two series of one length');
  return numerators.map((numerator, round) => numerator / denominators[round]!);
}

/**
 * The 95 % percentile-bootstrap interval of the median. Values come in groups, one for each start of the programs
 * under test: blocks of one start share its luck (memory layout, what was compiled when), so groups are drawn anew as
 * well as the values in them. With one group it is the ordinary bootstrap.
 */
export function bootstrapMedian95(
  groups: readonly (readonly number[])[],
  random: Random,
  resamples = 2000,
): Interval {
  const filled = groups.filter((group) => group.length > 0);
  if (filled.length === 0) throw new RangeError('an interval of no values');
  const medians = Array.from({ length: resamples }, () =>
    median(draw(filled, random).flatMap((group) => draw(group, random))),
  );
  return { low: quantile(medians, 0.025), high: quantile(medians, 0.975) };
}

function draw<T>(values: readonly T[], random: Random): T[] {
  return values.map(() => values[Math.floor(random() * values.length)]!);
}

/** Mulberry32: small, and good enough to draw samples; the same seed gives the same report for the same rounds. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
