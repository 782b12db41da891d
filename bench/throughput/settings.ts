/** How long and how thoroughly to measure; from the command line. */
export interface Settings {
  /** Length of one closed-loop run, in seconds. */
  readonly seconds: number;
  /** Runs of which the median counts. */
  readonly runs: number;
  readonly callers: readonly number[];
  /** To how many receipts the part `growth` grows. */
  readonly receipts: number;
}

/** A line for whoever waits; the tables go to stdout. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
