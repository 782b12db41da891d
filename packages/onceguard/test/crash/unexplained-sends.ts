import type { LogEntry } from "../../src/index.ts";
import type { Column } from "./matrix-rows.ts";

/** After these it may be tried again: it certainly did not happen, or somebody who knows says so. */
const REASONS = ["definite_failure", "probe_did_not_happen", "resolve"];

/**
 * The claims of a request for which its history gives no reason: a first one, a consent, a failure for certain, a probe or
 * a person that says it is not there, a mark or a transaction that proves it, or a key that makes one effect of both.
 */
export function unexplainedSends(log: readonly LogEntry[], column: Column): readonly string[] {
  const changes = log.filter(({ version }, at) => version > (log[at - 1]?.version ?? 0));
  return changes.flatMap(({ event }, at) => {
    const before = changes[at - 1];
    const why = before?.event ?? "nothing";
    if (event === "claim" && before === undefined) return [];
    if (event === "release" && why === "approve") return [];
    if (event === "resend" && column.includes("key")) return [];
    if (event === "retry" && REASONS.includes(why)) return [];
    if (event === "retry" && why === "lapse" && (column === "transaction" || column === "none + mark")) return [];
    return ["claim", "release", "retry", "resend"].includes(event) ? [`${event} after ${why}`] : [];
  });
}

/** How often the guard has taken the right to send it. */
export function claimsIn(log: readonly LogEntry[]): number {
  return log.filter(({ event }) => ["claim", "release", "retry", "resend"].includes(event)).length;
}
