import type { AuditedBoundary } from "../audit.ts";
import type { Binding, CallFact, Expr, Region } from "../facts/model.ts";
import { labelOf } from "../keys/label.ts";
import { atCall, type Place, placeAt } from "../rules/finding.ts";
import { weightOf } from "../rules/severity.ts";

/** One of the five questions before production, answered for one boundary. */
export interface Answer {
  question: string;
  answer: "yes" | "no" | "unknown";
  because: string;
  /** The line that proves it. */
  proof: Place | null;
}

export const QUESTIONS = [
  "Does each write carry a key that the provider honours?",
  "Does it stop after a number of attempts?",
  "Is it kept from acting on the same record twice?",
  "Does it tell failures apart before it retries?",
  "Is there a log entry that survives a failed run?",
] as const;

/** `localWrites`: calls that write the own database, where a log entry may be among them. */
export function fiveQuestions(one: AuditedBoundary, localWrites: ReadonlySet<CallFact>): Answer[] {
  const answers = [keyed(one), stops(one), once(one), sorted(one), logged(one, localWrites)];
  return answers.map((answer, index) => ({ question: QUESTIONS[index] as string, ...answer }));
}

type Partly = Omit<Answer, "question">;

function keyed(one: AuditedBoundary): Partly {
  const proof = placeAt(one.key.at ?? atCall(one.boundary.call));
  const protection = labelOf(one);
  if (protection === "key" || protection === "signed-payload") return { answer: "yes", because: one.key.detail, proof };
  if (protection === "natural")
    return { answer: "yes", because: "it needs none: repeated, it comes out the same", proof };
  return { answer: "no", because: one.key.detail, proof };
}

function stops(one: AuditedBoundary): Partly {
  const automatic = one.paths.filter((path) => weightOf(path) >= 2);
  const endless = automatic.find((path) => path.context.attempts === Number.POSITIVE_INFINITY);
  if (endless)
    return { answer: "no", because: `${endless.context.family} has no limit`, proof: placeAt(endless.context.at) };
  if (automatic.length === 0) return { answer: "yes", because: "nothing found that repeats it by itself", proof: null };
  const unsaid = automatic.find((path) => path.context.attempts === null);
  if (unsaid)
    return {
      answer: "unknown",
      because: `the limit of ${unsaid.context.family} is not in the sources`,
      proof: placeAt(unsaid.context.at),
    };
  const first = automatic[0];
  return {
    answer: "yes",
    because: `at most ${first?.context.attempts} attempts`,
    proof: first ? placeAt(first.context.at) : null,
  };
}

function once(one: AuditedBoundary): Partly {
  const guards = [...one.guards.values()].flat();
  const strong = guards.find((guard) => ["onceguard", "library", "unique-insert", "event-id"].includes(guard.kind));
  if (strong && labelOf(one) === "guarded") return { answer: "yes", because: strong.detail, proof: placeAt(strong.at) };
  const weak = guards.find((guard) => guard.kind === "state-check");
  if (weak) return { answer: "unknown", because: `only a check: ${weak.detail}`, proof: placeAt(weak.at) };
  return { answer: "no", because: "nothing found that remembers the record", proof: null };
}

/** A catch that looks at the error before it decides. */
function sorted(one: AuditedBoundary): Partly {
  const { call } = one.boundary;
  for (let region: Region | null = call.region; region; region = region.parent) {
    const handler = region.kind === "try" ? region.handler : null;
    if (!handler) continue;
    const looks =
      call.fn.exits.some((exit) => decidesIn(exit.region, handler)) ||
      call.fn.calls.some((other) => decidesIn(other.region, handler));
    const proof = placeAt({ fn: call.fn, pos: handler.start });
    return looks
      ? { answer: "yes", because: "the catch decides by the error", proof }
      : { answer: "no", because: "the catch treats all errors alike", proof };
  }
  return { answer: "unknown", because: "errors go to the caller", proof: null };
}

function decidesIn(from: Region, handler: Region): boolean {
  let inside: Region | null = from;
  let decides = false;
  for (; inside && inside !== handler; inside = inside.parent)
    if (inside.test && mentionsCaught(inside.test)) decides = true;
  return inside === handler && decides;
}

/** A variable may be made from itself (`page = page.next`), so each is looked into once. */
function mentionsCaught(expr: Expr, seen: Set<Binding> = new Set()): boolean {
  const again = (one: Expr): boolean => mentionsCaught(one, seen);
  if (expr.k === "ref") {
    if (expr.b.kind === "catch") return true;
    if (seen.has(expr.b)) return false;
    seen.add(expr.b);
    return expr.b.sources.some((one) => one.k === "member" && again(one.o));
  }
  if (expr.k === "member") return again(expr.o);
  if (expr.k === "op" || expr.k === "either") return expr.e.some(again);
  return expr.k === "call" && (again(expr.c.callee) || expr.c.args.some(again));
}

function logged(one: AuditedBoundary, localWrites: ReadonlySet<CallFact>): Partly {
  const { call } = one.boundary;
  const receipt = [...one.guards.values()].flat().find((guard) => guard.kind === "onceguard");
  if (receipt) return { answer: "yes", because: "Onceguard keeps a receipt", proof: placeAt(receipt.at) };
  const before = call.fn.calls.find((other) => localWrites.has(other) && other.pos < call.pos);
  if (before)
    return {
      answer: "unknown",
      because: "something is written before it; what, the sources do not tell",
      proof: placeAt(atCall(before)),
    };
  const after = call.fn.calls.find((other) => localWrites.has(other) && other.pos > call.pos);
  if (after)
    return {
      answer: "no",
      because: "it is written only after the effect: a crash in between leaves nothing",
      proof: placeAt(atCall(after)),
    };
  return { answer: "no", because: "nothing is written next to it", proof: null };
}
