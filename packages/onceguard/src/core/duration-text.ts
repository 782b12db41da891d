const UNITS = [
  ["d", 86_400_000, 2],
  ["h", 3_600_000, 1],
  ["m", 60_000, 1],
  ["s", 1_000, 1],
] as const;

/** A length of time as one would write it in a config, and never rounded: `24h`, `21.6h`, `90d`, `250ms`. */
export function durationText(ms: number): string {
  for (const [unit, size, least] of UNITS) {
    const tenths = (ms * 10) / size;
    if (ms >= least * size && Number.isInteger(tenths)) return `${tenths / 10}${unit}`;
  }
  return ms === 0 ? "0s" : `${ms}ms`;
}
