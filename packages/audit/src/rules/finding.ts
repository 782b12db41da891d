import { createHash } from "node:crypto";
import type { AuditedBoundary } from "../audit.ts";
import type { CallFact, FunctionFact } from "../facts/model.ts";
import { lineAt } from "../facts/model.ts";
import type { RetryPath } from "../reach/find-paths.ts";
import type { Severity } from "./severity.ts";

export interface Place {
  path: string;
  line: number;
  column: number;
}

/** One thing to decide about: where, what is wrong, what to do. */
export interface Finding {
  rule: string;
  severity: Severity;
  place: Place;
  /** What happens, in one sentence without the place. */
  message: string;
  /** What is missing, in a few words. */
  missing: string;
  /** First with the provider's own means, then with Onceguard. */
  fixes: string[];
  /** From the effect outwards to what repeats it. */
  flow: FlowStep[];
  /** Further retry families that reach the same effect. */
  families: string[];
  fingerprint: string;
  boundary: AuditedBoundary | null;
}

export interface FlowStep {
  place: Place;
  text: string;
}

export interface Draft {
  rule: string;
  severity: Severity;
  at: { fn: FunctionFact; pos: number };
  message: string;
  missing: string;
  fixes: string[];
  path: RetryPath | null;
  one: AuditedBoundary | null;
  /** What tells this finding from others of the rule, besides its place. */
  subject: string;
}

export function placeAt(at: { fn: FunctionFact; pos: number }): Place {
  return { path: at.fn.file.path, ...lineAt(at.fn.file, at.pos) };
}

export function atCall(call: CallFact): { fn: FunctionFact; pos: number } {
  return { fn: call.fn, pos: call.pos };
}

/** Turns a draft into a finding. `ordinal` tells apart findings that are alike in one function. */
export function finish(draft: Draft, ordinal: number): Finding {
  const { fn } = draft.at;
  const identity = [draft.rule, fn.file.path, nameOfFunction(fn), draft.subject, ordinal].join("\0");
  return {
    rule: draft.rule,
    severity: draft.severity,
    place: placeAt(draft.at),
    message: draft.message,
    missing: draft.missing,
    fixes: draft.fixes,
    flow: draft.path ? flowOf(draft.path) : [],
    families: draft.one
      ? [...new Set([...draft.one.paths.map((path) => path.context.family), ...draft.one.hidden])]
      : [],
    fingerprint: createHash("sha256").update(identity).digest("hex").slice(0, 16),
    boundary: draft.one,
  };
}

/** Lines move; the function around a finding does not change its name so often. */
export function nameOfFunction(fn: FunctionFact): string {
  const names: string[] = [];
  for (let at: FunctionFact | null = fn; at; at = at.parent) {
    if (at.name !== "" && at.kind !== "module") names.unshift(at.name);
    if (at.cls) names.unshift(at.cls.name);
  }
  return names.join(".");
}

function flowOf(path: RetryPath): FlowStep[] {
  const steps: FlowStep[] = path.steps.map((step, index) => ({
    place: placeAt(atCall(step.call)),
    text:
      index === 0
        ? "the effect"
        : step.via === "process"
          ? `reached over ${step.label}`
          : step.via === "callback"
            ? "passed as a callback"
            : "called from here",
  }));
  steps.push({ place: placeAt(path.context.at), text: `repeated by ${describe(path)}` });
  return steps;
}

/** `Stripe webhook (POST /api/hooks)`. */
export function describe(path: RetryPath): string {
  const { family, label } = path.context;
  return label === "" ? family : `${family} (${label})`;
}
