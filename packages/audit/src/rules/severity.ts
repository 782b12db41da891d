import type { AuditedBoundary } from "../audit.ts";
import { isRecord } from "../catalogue/refine.ts";
import { familyOf } from "../contexts/context.ts";
import type { RetryPath } from "../reach/find-paths.ts";

export type Severity = "critical" | "high" | "medium" | "low" | "info";

export const SEVERITIES: readonly Severity[] = ["critical", "high", "medium", "low", "info"];

export function atLeast(severity: Severity, limit: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(limit);
}

/** How surely a path repeats by itself: 3 always, 2 under conditions, 1 only if a client asks again. */
export function weightOf(path: RetryPath): number {
  const { context } = path;
  const { weight } = familyOf(context);
  if (context.family.startsWith("job:") && context.attempts !== null && context.attempts <= 1) return 1;
  if (context.family.startsWith("lib:") && context.attempts === 0) return 0;
  if (context.family === "lambda:async" && context.attempts === 0) return Math.min(weight, 1);
  return context.safeByProtocol ? Math.min(weight, 1) : weight;
}

const MANY = 3;
/** With every call on the way there are more conditions that nobody has looked at. */
const FAR = 12;

/** The way is long, or it leads through a method of which there are many, and only one is meant. */
export function isGuess({ steps }: RetryPath): boolean {
  return steps.length > FAR || steps.some((one) => one.alternatives >= MANY);
}

/** Of two ways the one that weighs more; one that is a guess weighs less. */
export function byWeight(a: RetryPath, b: RetryPath): number {
  const weight = (path: RetryPath) => weightOf(path) - (isGuess(path) ? 1 : 0);
  return weight(b) - weight(a);
}

export function heaviest(paths: readonly RetryPath[]): number {
  return Math.max(0, ...paths.map(weightOf));
}

/** Kinds where a duplicate costs work, not money or trust; and HTTP calls of which only the method is known. */
const MILD = new Set([
  "fs-write",
  "exec",
  "llm-job",
  "job-enqueue",
  // Receivers of webhooks are told to expect an event more than once.
  "webhook-out",
  "tool-dispatch",
  "http-write",
  "doc",
  "infra",
  "db-write",
  "cache-write",
  "browser",
  "api-write",
]);

/** Severity by what is at stake and by how surely it is repeated. */
export function severityOf(one: AuditedBoundary, weight: number): Severity {
  const { tier, kind, sink, operation } = one.boundary;
  if (tier === "irreversible")
    return weight >= 3 ? "critical" : weight === 2 ? "high" : weight === 1 ? "medium" : "low";
  if (MILD.has(kind) || isRecord(sink.id, operation)) return weight >= 2 ? "medium" : "low";
  return weight >= 3 ? "high" : weight === 2 ? "medium" : "low";
}

export function lower(severity: Severity, steps = 1): Severity {
  return SEVERITIES[Math.min(SEVERITIES.indexOf(severity) + steps, SEVERITIES.length - 1)] as Severity;
}
