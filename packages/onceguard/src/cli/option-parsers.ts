import { type Argument, InvalidArgumentError, type Option } from "commander";
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

/** With its unit: 90 milliseconds where somebody meant 90 days would forget everything. */
export function spanOption(text: string): string {
  if (!/^\d+$/.test(text)) return durationOption(text) as string;
  throw new InvalidArgumentError(`Say which unit: "${text}d" for days, "${text}h" for hours.`);
}

/** A time with its zone, in ms since the epoch: read in another zone, it would be off by hours without a word. */
export function timeOption(text: string): number {
  const at = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)$/i.test(text)
    ? Date.parse(text.replace(" ", "T").replace(/\s+/g, ""))
    : Number.NaN;
  if (Number.isFinite(at)) return at;
  throw new InvalidArgumentError(
    'Expected a time with its zone, such as "2026-11-21T03:00:00Z" or "2026-11-21 04:00 +01:00".',
  );
}

/** A time with its zone, or how long ago. */
export function momentOption(text: string): number {
  return /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text) ? Date.now() - durationMs(text, "it") : timeOption(text);
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

/** Shown in the help, and completed by a shell; what is none of them, the command refuses in words of its own. */
export function offering<Place extends Argument | Option>(place: Place, choices: readonly string[]): Place {
  place.argChoices = [...choices];
  return place;
}
