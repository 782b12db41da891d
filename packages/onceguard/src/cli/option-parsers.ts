import { InvalidArgumentError } from "commander";
import { durationMs } from "../core/duration.ts";

/** `30s`, `15m`, `24h`; a bare number is milliseconds. Kept as it was typed. */
export function durationOption(text: string): string | number {
  const value = /^\d+$/.test(text) ? Number(text) : text;
  try {
    durationMs(value, "it");
  } catch {
    throw new InvalidArgumentError('Expected a number with ms, s, m, h or d, such as "30s".');
  }
  return value;
}

/** Largest output that is kept of one stream: as JSON more might not fit into one row of every store. */
const MAX_BYTES = 16 * 1_048_576;

export function bytesOption(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value <= MAX_BYTES) return value;
  throw new InvalidArgumentError(`Expected a number of bytes, at most ${MAX_BYTES}.`);
}

export function numberOption(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("Expected a whole number from 1.");
}
