import type { AuditedBoundary } from "../audit.ts";
import { nameOf } from "../boundaries/boundary.ts";
import { retryFamily } from "../catalogue/retries.ts";
import { familyOf } from "../contexts/context.ts";
import { nameOfCall } from "../guards/lookups.ts";
import { labelOf, type Protection, protectionOn } from "../keys/label.ts";
import type { RetryPath } from "../reach/find-paths.ts";
import { atCall, type Draft, describe } from "./finding.ts";
import { fixesFor } from "./fixes.ts";
import { isGuess, lower, severityOf, weightOf } from "./severity.ts";

/**
 * Effects that something repeats while nothing makes them safe: DUP001, DUP007 to DUP012, DUP014, DUP021, DUP091. One
 * finding per boundary, for the most telling path; the others are listed with it.
 */
export function pathRules(one: AuditedBoundary): Draft[] {
  const { boundary } = one;
  if (boundary.local) return [];
  const ways = one.paths.map((path) => ({ path, protection: protectionOn(one, path) }));
  const open = ways.filter(({ path, protection }) => protection in RELIEF && !mayBeStep(path));
  const worst = mostTelling(open);
  const draft = worst && draftFor(one, worst.path, worst.protection);
  return draft ? [draft] : hidden(one);
}

/** By how much a way weighs less when something weak stands on it. What is protected better is no finding. */
const RELIEF: Partial<Record<Protection, number>> = { no: 0, "state-check": 1, "human-approval": 2 };

interface Way {
  readonly path: RetryPath;
  readonly protection: Protection;
}

/** On the way from the engine the effect is handed to something that may well be a step: `io.runTask("send", () => ...)`. */
function mayBeStep(path: RetryPath): boolean {
  return (
    path.context.role === "function" &&
    path.steps.some((one) => one.via === "callback" && STEPS.test(nameOfCall(one.call)))
  );
}

const STEPS = /^(?:run|do|step|task|activity|once|perform|sideEffect)(?:[A-Z_]\w*)?$|(?:Step|Task|Activity)$/;

/** What says most about what to do, at the same weight: the pause and the step before the tool, the loop before the route. */
const ORDER = [
  /^langgraph:interrupt/,
  /^loop:|^lib:|^decorator:/,
  /^webhook:/,
  /^(?:queue|event|lambda):/,
  /^job:/,
  /:(?:step|workflow|activity|run)$|^hatchet|^medusa|^azure/,
  /^tool:|^langgraph:|^langchain:/,
  /^cron:/,
  /^entry:/,
];

function mostTelling(ways: readonly Way[]): Way | null {
  const weight = ({ path, protection }: Way) => weightOf(path) - (RELIEF[protection] ?? 0) - (isGuess(path) ? 1 : 0);
  const rank = ({ path }: Way) => {
    const at = ORDER.findIndex((one) => one.test(path.context.family));
    return at === -1 ? ORDER.length : at;
  };
  return ways.toSorted((a, b) => weight(b) - weight(a) || rank(a) - rank(b))[0] ?? null;
}

function draftFor(one: AuditedBoundary, path: RetryPath, protection: Protection): Draft | null {
  const { boundary } = one;
  const name = nameOf(boundary);
  const weight = weightOf(path);
  const { family } = path.context;
  const base = { at: atCall(boundary.call), path, one, subject: boundary.operation, fixes: fixesFor(boundary) };
  const severity = saysAgain(one, path) ? lower(severityOf(one, weight)) : severityOf(one, weight);
  if (protection === "state-check") {
    const guard = one.guards.get(family)?.find((candidate) => candidate.kind === "state-check");
    if (weight < 1) return null;
    return {
      ...base,
      rule: "DUP014",
      severity: lower(severity),
      message: `${name} is repeated by ${describe(path)} and protected by a check only: ${guard?.detail ?? "state is read before"}`,
      missing: "an atomic claim before the effect",
    };
  }
  if (protection === "human-approval")
    return weight < 2
      ? null
      : {
          ...base,
          rule: "DUP012",
          severity: lower(severity, 2),
          message: `${name}: a person approves it once, and ${describe(path)} may still run it again afterwards`,
          missing: "a receipt of what was approved and done",
        };
  if (boundary.sink.kind === "tool-dispatch" && !family.startsWith("langgraph:interrupt"))
    return {
      ...base,
      rule: "DUP091",
      severity: lower(severity),
      message: `which tool runs here is decided at run time, and ${describe(path)} repeats it`,
      missing: "a guard around every tool that writes",
    };
  // `send(transaction, nonce)` again: of transactions with one nonce the chain takes one.
  if (boundary.sink.kind === "chain-tx" && family === "loop:recursive" && keepsNonce(path)) return null;
  if (boundary.sink.kind === "chain-tx" && /^(?:loop|lib|tool|job|queue|langgraph)/.test(family))
    return {
      ...base,
      rule: "DUP021",
      severity,
      message: `${name} builds a new transaction each time, and ${describe(path)} repeats it`,
      missing: "one signed transaction that is sent again",
    };
  const rule = ruleFor(path);
  return {
    ...base,
    rule: rule.id,
    severity: rule.id === "DUP010" ? severityOf(one, 3) : severity,
    message: `${name} ${rule.text(path)}`,
    missing: rule.missing,
  };
}

/** A function that calls itself with the nonce that it was given. */
function keepsNonce({ context: { fn, at } }: RetryPath): boolean {
  const again = fn?.file.calls.find((one) => one.pos === at.pos);
  return again?.args.some((one) => one.k === "ref" && /^nonce$/i.test(one.b.name) && one.b.param !== null) ?? false;
}

/** A schedule that tells people about the state of things tells them again while it lasts: that is what it is for. */
function saysAgain({ boundary }: AuditedBoundary, { context }: RetryPath): boolean {
  return boundary.kind === "message" && context.family.startsWith("cron:");
}

function ruleFor(path: RetryPath): { id: string; text: (path: RetryPath) => string; missing: string } {
  const { family, role } = path.context;
  if (family === "langgraph:interrupt-replay")
    return {
      id: "DUP011",
      text: () => "runs before interrupt(): every resume runs it again",
      missing: "the effect after the interrupt, or a guard",
    };
  if (role === "function")
    return {
      id: "DUP010",
      text: (one) => `stands outside a step of ${describe(one)}: it runs again at every step`,
      missing: "a step around it, and a key",
    };
  if (family.startsWith("webhook:"))
    return {
      id: "DUP008",
      text: (one) => `runs for every delivery of ${describe(one)}: ${familyOf(one.context).default}`,
      missing: "a record of the event id before the effect",
    };
  if (/^(?:job|queue|event|lambda):/.test(family))
    return {
      id: "DUP009",
      text: (one) => `runs for every delivery of ${describe(one)}: ${familyOf(one.context).default}`,
      missing: "a record of the job or message id before the effect",
    };
  if (/^(?:tool|langgraph|langchain):/.test(family))
    return {
      id: "DUP012",
      text: (one) => `is a tool call of ${describe(one)}: a model that sees an error calls it again`,
      missing: "a guard, or a key from the arguments",
    };
  return { id: "DUP001", text: (one) => `is repeated by ${describe(one)}`, missing: "an idempotency key" };
}

/** Nothing in the project repeats it; the client does so by itself. */
function hidden(one: AuditedBoundary): Draft[] {
  const { boundary } = one;
  if (labelOf(one) !== "no") return [];
  const family = one.hidden.find((candidate) => retryFamily(candidate).weight >= 2 && !candidate.startsWith("queue:"));
  if (!family) return [];
  return [
    {
      rule: "DUP007",
      // Within one call, after a lost answer: of a chat message that is rare and small.
      severity: boundary.kind === "message" ? lower(severityOf(one, 2)) : severityOf(one, 2),
      at: atCall(boundary.call),
      path: null,
      one,
      subject: boundary.operation,
      message: `${nameOf(boundary)}: its client repeats by itself (${retryFamily(family).default}), without a key`,
      missing: "a key, or no retries in the client",
      fixes: fixesFor(boundary),
    },
  ];
}
