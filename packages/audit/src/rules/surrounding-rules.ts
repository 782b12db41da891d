import type { AuditedBoundary } from "../audit.ts";
import { nameOf } from "../boundaries/boundary.ts";
import type { CallFact, Exit, Expr, FunctionFact, Region } from "../facts/model.ts";
import { lineAt } from "../facts/model.ts";
import { labelOf } from "../keys/label.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { atCall, type Draft, describe } from "./finding.ts";
import { fixesFor } from "./fixes.ts";
import { lower, severityOf, weightOf } from "./severity.ts";

/** What stands around an effect: DUP013, DUP015, DUP016, DUP019. */
export function surroundingRules(evaluator: Evaluator, one: AuditedBoundary, all: readonly AuditedBoundary[]): Draft[] {
  const { boundary } = one;
  if (boundary.local || boundary.natural) return [];
  const protection = labelOf(one);
  if (protection === "key" || protection === "guarded") return unbounded(one);
  return [...secondEffect(one, all), ...timedOut(evaluator, one), ...swallowed(one), ...unbounded(one)];
}

/** The function has made another effect before, and the same retry repeats both. */
function secondEffect(one: AuditedBoundary, all: readonly AuditedBoundary[]): Draft[] {
  const { boundary } = one;
  const path =
    one.paths.find((candidate) => weightOf(candidate) >= 2 && candidate.steps.length === 1) ??
    one.paths.find((candidate) => weightOf(candidate) >= 2);
  if (!path || boundary.tier !== "irreversible") return [];
  const first = all.find(
    (other) =>
      other !== one &&
      other.boundary.call.fn === boundary.call.fn &&
      other.boundary.call.pos < boundary.call.pos &&
      !other.boundary.natural &&
      !other.boundary.local &&
      other.boundary.tier === "irreversible" &&
      labelOf(other) === "no" &&
      !exclusive(other.boundary.call, boundary.call),
  );
  if (!first) return [];
  const line = lineAt(first.boundary.call.fn.file, first.boundary.call.pos).line;
  return [
    {
      rule: "DUP013",
      severity: lower(severityOf(one, weightOf(path))),
      at: atCall(boundary.call),
      path,
      one,
      subject: `${first.boundary.operation}+${boundary.operation}`,
      message: `${nameOf(boundary)} comes after ${nameOf(first.boundary)} (line ${line}) in one unit that ${describe(path)} repeats: if this fails, that happens again`,
      missing: "a unit of its own for each effect",
      fixes: [
        "give each effect its own step or job, with a key of its own",
        "two Onceguard actions: what was done is replayed, what was not is tried",
      ],
    },
  ];
}

/** In the two branches of one condition: only one of them happens. */
function exclusive(a: CallFact, b: CallFact): boolean {
  const branches = (call: CallFact) => {
    const found: Region[] = [];
    for (let at: Region | null = call.region; at; at = at.parent)
      if (at.kind === "then" || at.kind === "else" || at.kind === "case") found.push(at);
    return found;
  };
  const left = branches(a);
  if (
    left.some((one) =>
      branches(b).some(
        (other) =>
          one !== other &&
          one.parent === other.parent &&
          one.kind !== other.kind &&
          (one.test === other.test || one.kind === "case"),
      ),
    )
  )
    return true;
  if (
    left.some(
      (one) =>
        one.kind === "case" &&
        branches(b).some((other) => other.kind === "case" && other !== one && other.parent === one.parent),
    )
  )
    return true;
  // The branch of the first ends the function.
  return left.some((one) => !branches(b).includes(one) && leaves(a.fn, one));
}

/** Whoever comes into a region ends the function there: at its end, or in a try and in its catch alike. */
function leaves(fn: FunctionFact, region: Region): boolean {
  const ends = (one: Region) =>
    fn.exits.some((exit) => exit.region === one && (exit.kind === "return" || exit.kind === "throw"));
  return (
    ends(region) ||
    fn.exits.some(
      ({ region: one }) =>
        one.kind === "try" && one.parent === region && ends(one) && one.handler !== null && ends(one.handler),
    )
  );
}

/** `Promise.race([effect, timeout])`, `AbortSignal.timeout`, with a loop or a wrapper around it. */
function timedOut(evaluator: Evaluator, one: AuditedBoundary): Draft[] {
  const { boundary, paths } = one;
  const path = paths.find(
    (candidate) => /^(?:loop|lib|decorator):/.test(candidate.context.family) && weightOf(candidate) >= 2,
  );
  if (!path) return [];
  const limit = timeLimit(evaluator, boundary.call, one);
  if (!limit) return [];
  return [
    {
      rule: "DUP015",
      severity: lower(severityOf(one, weightOf(path))),
      at: atCall(boundary.call),
      path,
      one,
      subject: boundary.operation,
      message: `${nameOf(boundary)} is given up by ${limit} and then repeated by ${describe(path)}: the first one may still happen`,
      missing: "an answer to whether the first one happened",
      fixes: fixesFor(boundary),
    },
  ];
}

function timeLimit(evaluator: Evaluator, call: CallFact, one: AuditedBoundary): string | null {
  for (const arg of call.args) {
    const signal = findOption(evaluator, arg, ["signal"]);
    if (signal) return "an abort signal";
    const timeout = findOption(evaluator, arg, ["timeout", "timeoutMs"]);
    if (timeout) return "a time-out";
  }
  for (const path of one.paths)
    for (const step of path.steps) {
      const race = step.call.fn.calls.find(
        (other) =>
          other.callee.k === "member" &&
          other.callee.p === "race" &&
          other.start <= step.call.start &&
          other.end >= step.call.end,
      );
      if (race) return "Promise.race";
      const around = step.call.fn.calls.find(
        (other) =>
          other !== step.call &&
          other.start <= step.call.start &&
          other.end >= step.call.end &&
          /^(?:withTimeout|pTimeout|timeout|timeoutAfter)$/i.test(other.callee.k === "ref" ? other.callee.b.name : ""),
      );
      if (around) return "a time-out";
    }
  return null;
}

/** A catch that writes or answers "failed" without asking what really happened. */
function swallowed(one: AuditedBoundary): Draft[] {
  const { boundary } = one;
  if (boundary.tier !== "irreversible") return [];
  for (let region: Region | null = boundary.call.region; region; region = region.parent) {
    const handler = region.kind === "try" ? region.handler : null;
    if (!handler) continue;
    const exits = boundary.call.fn.exits.filter((exit) => within(exit.region, handler));
    if (exits.some((exit) => exit.kind === "throw" && exit.region === handler)) return [];
    const saysFailed =
      exits.some(answersFailed) ||
      boundary.call.fn.calls.some((call) => within(call.region, handler) && writesFailed(call));
    if (!saysFailed) return [];
    const path = one.paths.find((candidate) => weightOf(candidate) >= 1) ?? null;
    return [
      {
        rule: "DUP016",
        severity: "medium",
        at: { fn: boundary.call.fn, pos: handler.start },
        path,
        one,
        subject: boundary.operation,
        message: `every error of ${nameOf(boundary)} is turned into "failed" here, a lost response too`,
        missing: "a difference between refused and unknown",
        fixes: [
          "tell a definite refusal (4xx, declined) from a time-out or a broken connection, and look up the second before doing it again",
          "run it through Onceguard: an unknown error becomes in_doubt, never failed",
        ],
      },
    ];
  }
  return [];
}

function within(inner: Region, outer: Region): boolean {
  for (let at: Region | null = inner; at; at = at.parent) if (at === outer) return true;
  return false;
}

const FAILED = /^(?:failed|failure|error|errored)$|\bfail(?:ed|ure)\b/i;

function answersFailed(exit: Exit): boolean {
  return exit.kind === "return" && exit.value !== null && meansFailed(exit.value, 0);
}

function meansFailed(expr: Expr, depth: number): boolean {
  if (depth > 4) return false;
  if (expr.k === "lit") return typeof expr.v === "string" && FAILED.test(expr.v);
  if (expr.k === "template") return expr.s.some((one) => FAILED.test(one));
  if (expr.k === "object")
    return expr.props.some(
      (one) =>
        (/^(?:success|ok)$/.test(one.key) && one.value.k === "lit" && one.value.v === false) ||
        (/^(?:status|state|result)$/i.test(one.key) && meansFailed(one.value, depth + 1)),
    );
  // `JSON.stringify({ success: false })`
  return expr.k === "call" && expr.c.args.some((one) => one.k === "object" && meansFailed(one, depth + 1));
}

function writesFailed(call: CallFact): boolean {
  const name = call.callee.k === "member" ? call.callee.p : "";
  return (
    /^(?:update|set|save|upsert|insert|create|updateMany|markFailed)/.test(name) &&
    call.args.some((one) => statusIn(one, 0))
  );
}

function statusIn(expr: Expr, depth: number): boolean {
  if (depth > 4 || expr.k !== "object") return false;
  return expr.props.some(
    (one) => (/^(?:status|state)$/i.test(one.key) && meansFailed(one.value, 0)) || statusIn(one.value, depth + 1),
  );
}

function unbounded(one: AuditedBoundary): Draft[] {
  const { boundary } = one;
  const path = one.paths.find((candidate) => candidate.context.attempts === Number.POSITIVE_INFINITY);
  if (!path) return [];
  return [
    {
      rule: "DUP019",
      severity: "medium",
      at: path.context.at,
      path,
      one,
      subject: `${path.context.family} ${boundary.operation}`,
      message: `${describe(path)} repeats ${nameOf(boundary)} without an end`,
      missing: "a limit of attempts or of time, and a place where it goes then",
      fixes: [
        "set a limit of attempts and of elapsed time",
        "run it through Onceguard: retry.maxAttempts and maxElapsed, then a person decides",
      ],
    },
  ];
}
