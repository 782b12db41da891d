import { OnceguardError } from "./errors.ts";

/** A length of time: milliseconds as a number, or a number with a unit (`"250ms"`, `"30s"`, `"15m"`, `"24h"`, `"7d"`). */
export type Duration = number | string;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @throws OnceguardError `invalid_option`, naming the option. */
export function durationMs(value: Duration, option: string): number {
  const ms = typeof value === "number" ? value : parse(value);
  if (!Number.isFinite(ms) || ms < 0) {
    throw new OnceguardError(
      "invalid_option",
      `${option} is ${typeof value === "string" ? JSON.stringify(value) : String(value)}; expected milliseconds or a number with ms, s, m, h or d, such as "15m".`,
      { option, value },
    );
  }
  return Math.round(ms);
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text);
  return match ? Number(match[1]) * (UNIT_MS[match[2] as string] as number) : Number.NaN;
}
