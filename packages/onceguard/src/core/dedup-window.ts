import type { KeySource } from "./request-id.ts";

/** An effect that happened on the same (tenant, action, recordId). */
export interface EarlierEffect {
  readonly requestId: string;
  /** When it happened, in milliseconds since the epoch. */
  readonly at: number;
}

/** The loop filter of one action, as the action states it. */
export interface DedupRule {
  /** How long an effect blocks another request on its record, in milliseconds; `"none"` switches the filter off. */
  readonly windowMs: number | "none";
  /** Requests allowed per window. Default 1. */
  readonly limit?: number | undefined;
  /** What becomes of a request over the limit. Default `"skip"`. */
  readonly behaviour?: "skip" | "hold" | undefined;
}

export type DedupVerdict =
  | { readonly verdict: "allow" }
  | { readonly verdict: "skip" | "hold"; readonly earlierRequestId: string };

const DAY_MS = 86_400_000;

/**
 * The loop filter (semantics.md section 8): within the window after an effect on the same key, a *different* request
 * is skipped or held, with a pointer to the latest earlier one. The same request id is not a loop but a replay.
 *
 * An effect dated after `now` (clocks differ) counts as inside the window.
 */
export function dedupVerdict(
  rule: DedupRule,
  request: { readonly requestId: string; readonly now: number; readonly earlier: readonly EarlierEffect[] },
): DedupVerdict {
  const { windowMs, limit = 1, behaviour = "skip" } = rule;
  if (windowMs === "none") return { verdict: "allow" };
  const inside = request.earlier.filter(
    (effect) => effect.requestId !== request.requestId && request.now - effect.at < windowMs,
  );
  const [first, ...rest] = inside;
  if (first === undefined || new Set(inside.map((effect) => effect.requestId)).size < limit)
    return { verdict: "allow" };
  const latest = rest.reduce((a, b) => (b.at > a.at ? b : a), first);
  return { verdict: behaviour, earlierRequestId: latest.requestId };
}

/**
 * The window where the action states none, in milliseconds: 24 h where the identity came from a lower rung, because
 * there a new id may be the same intent. For a business key or an explicit id `undefined`: the action has to say
 * (two part refunds on one order are legitimate, six hours of escalations are not), and `checklist` asks until it does.
 */
export function defaultDedupWindow(keySource: KeySource): number | undefined {
  return keySource === "host_call" || keySource === "content" ? DAY_MS : undefined;
}
