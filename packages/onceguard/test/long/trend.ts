/** How a series of samples, one per window of equal length, goes up or down. */
export interface Trend {
  readonly median: number;
  /** From the first window to the last, by the Theil-Sen slope: the median of the slopes between all pairs. */
  readonly growth: number;
  /** The 99.9 % confidence interval of `growth` (Sen 1968). */
  readonly low: number;
  readonly high: number;
  /** It grows by more than is tolerated, and that is no chance. */
  readonly grows: boolean;
}

/** What may come and go in a run: the larger of both counts. */
export interface Tolerance {
  /** Of the median. */
  readonly relative: number;
  readonly absolute: number;
}

const Z = 3.29;

/**
 * A single spike, or a collector that runs now and then, moves a median of slopes by nothing; a leak is in every pair.
 *
 * @param samples at least 8: with fewer the interval says nothing.
 */
export function trendOf(samples: readonly number[], { relative, absolute }: Tolerance): Trend {
  const n = samples.length;
  if (n < 8) throw new RangeError(`a trend of ${n} windows; at least 8 are needed`);
  const slopes = samples
    .flatMap((later, j) => samples.slice(0, j).map((earlier, i) => (later - earlier) / (j - i)))
    .sort((a, b) => a - b);
  const at = (index: number): number => slopes[Math.min(slopes.length - 1, Math.max(0, index))] as number;
  const spread = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const growth = medianOf(slopes) * (n - 1);
  const low = at(Math.floor((slopes.length - spread) / 2)) * (n - 1);
  const high = at(Math.ceil((slopes.length + spread) / 2)) * (n - 1);
  const median = medianOf(samples);
  const tolerated = Math.max(absolute, relative * median);
  return { median, growth, low, high, grows: growth > tolerated && low > 0 };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
