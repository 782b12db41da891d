import type { Contexts } from "../contexts/context.ts";
import type { CallFact, Expr, FunctionFact } from "../facts/model.ts";
import type { RetryPath } from "../reach/find-paths.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { type Condition, conditionsOf } from "./conditions.ts";
import type { Guard } from "./guard.ts";
import { claims, isLookup, isUniqueInsert, mentionsEventId, nameOfCall, originsOf } from "./lookups.ts";

/** Finds what stands between a retry and the effect, on one way. */
export class GuardSearch {
  readonly #evaluator: Evaluator;
  readonly #contexts: Contexts;
  readonly #guarded: Map<FunctionFact, Guard>;
  readonly #known: Map<CallFact, Guard[]> = new Map();

  constructor(evaluator: Evaluator, contexts: Contexts, guarded: Map<FunctionFact, Guard>) {
    this.#evaluator = evaluator;
    this.#contexts = contexts;
    this.#guarded = guarded;
  }

  onPath(path: RetryPath): Guard[] {
    const guards = path.steps.flatMap((one) => this.at(one.call));
    const approval = this.#approvedTool(path);
    return approval ? [...guards, approval] : guards;
  }

  /** Guards in front of one call, in its own function. */
  at(call: CallFact): Guard[] {
    let guards = this.#known.get(call);
    if (!guards) {
      guards = this.#find(call);
      this.#known.set(call, guards);
    }
    return guards;
  }

  #find(call: CallFact): Guard[] {
    const found: Guard[] = [];
    for (let fn: FunctionFact | null = call.fn; fn; fn = fn.parent) {
      const guard = this.#guarded.get(fn);
      if (guard) found.push(guard);
    }
    for (const pause of this.#contexts.pauses)
      if (pause.fn === call.fn && pause.pos < call.pos && dominates(pause.context.call, call))
        found.push({ kind: "approval", detail: "a person is asked before it", at: { fn: call.fn, pos: pause.pos } });
    for (const condition of conditionsOf(call)) {
      const guard = this.#ofCondition(call, condition);
      if (guard) found.push(guard);
    }
    const insert = this.#insertBefore(call);
    if (insert) found.push(insert);
    return found;
  }

  #ofCondition(call: CallFact, condition: Condition): Guard | null {
    const at = { fn: call.fn, pos: condition.pos };
    // `processed.has(event.id)`
    const direct = condition.expr.k === "call" ? condition.expr.c : null;
    if (
      direct &&
      nameOfCall(direct) === "has" &&
      condition.whenPresent === false &&
      direct.args.some((one) => mentionsEventId(one))
    )
      return { kind: "event-id", detail: "the event id is looked up in the memory of this process", at };
    for (const { call: origin, fields } of originsOf(this.#evaluator, condition.expr)) {
      if (origin.pos >= call.pos && origin.fn === call.fn) continue;
      if (claims(this.#evaluator, origin))
        return givesBack(call, origin)
          ? { kind: "state-check", detail: `\`${nameOfCall(origin)}\` claims it, and gives it back after an error`, at }
          : { kind: "unique-insert", detail: `\`${nameOfCall(origin)}\` tells whether this is the first time`, at };
      if ((!isLookup(origin) && !isClaim(origin)) || isMapOfObjects(origin)) continue;
      const field =
        fields.filter((one) => !/^(?:data|rows?|length|\d+|\[\]|Item|value|result|count)$/.test(one)).at(0) ?? null;
      const whole = field === null || /^(?:id|_id)$/.test(field);
      if (isClaim(origin))
        return { kind: "unique-insert", detail: `\`${nameOfCall(origin)}\` claims it by its state`, at };
      if (
        whole &&
        condition.whenPresent === false &&
        !isErrorName(condition.expr) &&
        isAbout(condition.expr, origin, call)
      ) {
        if (origin.args.some((one) => mentionsEventId(one)))
          return { kind: "event-id", detail: "the event id is looked up before the effect", at };
        return { kind: "state-check", detail: `done only if \`${nameOfCall(origin)}\` finds nothing`, at };
      }
      const names = condition.whenPresent === null && field !== null && IDENTITY.test(field);
      if (field !== null && !names && this.#writtenAfter(call, field))
        return { kind: "state-check", detail: `\`${field}\` is checked before and written after`, at };
      if (field !== null && condition.whenPresent === false && MARKER.test(field))
        return { kind: "state-check", detail: `done only if \`${field}\` is not set`, at };
    }
    return null;
  }

  /** The field that was checked is changed once the effect is done. */
  #writtenAfter(call: CallFact, field: string): boolean {
    return call.fn.calls.some(
      (one) => one.pos > call.pos && WRITES.test(nameOfCall(one)) && one.args.some((arg) => hasKey(arg, field, 0)),
    );
  }

  /** `create({ id: event.id })` before the effect: the second time it throws. */
  #insertBefore(call: CallFact): Guard | null {
    for (const one of call.fn.calls) {
      if (one.pos >= call.pos || !one.awaited || !dominates(one, call)) continue;
      const name = nameOfCall(one);
      if (isUniqueInsert(one) && one.args.some((arg) => mentionsEventId(arg)) && this.#isTested(one, call))
        return {
          kind: "unique-insert",
          detail: `\`${name}\` takes the event id before the effect`,
          at: { fn: call.fn, pos: one.pos },
        };
      if (/^(?:create|insert|insertOne|save)$/.test(name) && one.args.some((arg) => recordsEvent(arg)))
        return {
          kind: "unique-insert",
          detail: `\`${name}\` records the event id before the effect`,
          at: { fn: call.fn, pos: one.pos },
        };
    }
    return null;
  }

  /** A result that nobody looks at guards nothing; an error that is thrown does. */
  #isTested(insert: CallFact, call: CallFact): boolean {
    return conditionsOf(call).some((one) =>
      originsOf(this.#evaluator, one.expr).some(
        (origin) => origin.call === insert || (origin.call.start <= insert.start && origin.call.end >= insert.end),
      ),
    );
  }

  #approvedTool(path: RetryPath): Guard | null {
    const { options, at } = path.context;
    const option = options
      ? findOption(this.#evaluator, options, ["needsApproval", "requireApproval", "requiresApproval", "needs_approval"])
      : null;
    if (!option || (option.value.k === "lit" && option.value.v === false)) return null;
    return { kind: "approval", detail: "the host asks a person before it runs the tool", at };
  }
}

const MARKER =
  /(?:processed|sent|paid|completed|done|notified|charged|refunded|cancell?ed|delivered|handled|executed|fulfilled|synced)(?:_?at|_?on)?$/i;
const WRITES = /^(?:update|set|upsert|save|insert|patch|put|create|mark|write|hset|findOneAndUpdate|findByIdAndUpdate)/;

/** The effect stands in a try whose catch makes a retry possible again. */
function givesBack(call: CallFact, claim: CallFact): boolean {
  if (claim.fn !== call.fn) return false;
  for (let region: CallFact["region"] | null = call.region; region; region = region.parent) {
    const handler = region.kind === "try" ? region.handler : null;
    if (handler && call.fn.calls.some((one) => isAncestor(handler, one) && RELEASES.test(nameOfCall(one)))) return true;
  }
  return false;
}

const RELEASES = /^(?:release|unlock|unclaim|free|giveBack|rollback|clear|reset|del|delete|remove)(?:[A-Z]|$)/;

/** A field that says which one it is, not how far it has come. */
const IDENTITY = /(?:^id|Id|ID|_id|slug|name|email|url|type|role|token)$/i;
const REMEMBERS =
  /exist|already|previous|prior|sent|process|duplicate|recent|last|log|histor|deliver|notif|event|record|run|job|seen|handled|pending|active|match|found|receipt/i;
const CREATES = /^(?:create|insert|add|register|subscribe|upsert|invite|post|put|save|start|schedule|submit)/i;

/** Nothing found: is it the trace of the effect that is missing, or only the user who asks for it? */
function isAbout(tested: Expr, lookup: CallFact, effect: CallFact): boolean {
  if (CREATES.test(nameOfCall(effect)) && !/^post/.test(nameOfCall(effect))) return true;
  return REMEMBERS.test(`${tested.k === "ref" ? tested.b.name : ""} ${nameOfCall(lookup)} ${tableOf(lookup)}`);
}

/** `this.queues.has(region)`: whether something was set up, not whether it was done. */
function isMapOfObjects(call: CallFact): boolean {
  if (nameOfCall(call) !== "has" && nameOfCall(call) !== "get") return false;
  const holder = call.callee.k === "member" ? call.callee.o : null;
  const name = holder?.k === "ref" ? holder.b.name : holder?.k === "member" ? holder.p : "";
  return holder !== null && holder.k !== "call" && !REMEMBERS_IN_MEMORY.test(name) && !call.awaited;
}

const REMEMBERS_IN_MEMORY = /process|sent|seen|handled|done|delivered|visited|notified|executed|recent|dedup|cache/i;

/** `prisma.sentEmail.findFirst`, `from("deliveries").select()`. */
function tableOf({ callee }: CallFact): string {
  const names: string[] = [];
  for (let at: Expr | undefined = callee; at; ) {
    if (at.k === "member") {
      names.push(at.p);
      at = at.o;
    } else if (at.k === "call") {
      for (const arg of at.c.args) if (arg.k === "lit") names.push(String(arg.v));
      at = at.c.callee;
    } else break;
  }
  return names.join(" ");
}

/** `updateMany({ where: { id, status: "new" }, data: { status: "running" } })`: only one of two gets a count of 1. */
function isClaim(call: CallFact): boolean {
  if (!/^update(?:Many)?$/.test(nameOfCall(call))) return false;
  return call.args.some((arg) => {
    if (arg.k !== "object") return false;
    const where = arg.props.find((one) => one.key === "where")?.value;
    const data = arg.props.find((one) => one.key === "data")?.value;
    return (
      where?.k === "object" &&
      data?.k === "object" &&
      data.props.some((one) => one.key !== "..." && where.props.some((other) => other.key === one.key))
    );
  });
}

function isErrorName(expr: Expr): boolean {
  return expr.k === "ref" && /err(?:or)?$/i.test(expr.b.name);
}

function hasKey(expr: Expr, key: string, depth: number): boolean {
  if (depth > 4) return false;
  if (expr.k === "object") return expr.props.some((one) => one.key === key || hasKey(one.value, key, depth + 1));
  if (expr.k === "array") return expr.e.some((one) => hasKey(one, key, depth + 1));
  return expr.k === "ref" && expr.b.sources.length === 1 && hasKey(expr.b.sources[0] as Expr, key, depth + 1);
}

function recordsEvent(expr: Expr): boolean {
  return expr.k === "object" && mentionsEventId(expr);
}

/** The first call always runs before the second: nothing decides about it that does not decide about the second too. */
function dominates(first: CallFact | null, second: CallFact): boolean {
  if (!first) return true;
  for (let region = second.region; ; region = region.parent as typeof region) {
    if (region === first.region) return true;
    if (!region.parent) break;
  }
  // Inside a try that stands before: it runs, or the catch decides.
  return first.region.kind === "try" && first.region.parent !== null && isAncestor(first.region.parent, second);
}

function isAncestor(region: CallFact["region"], call: CallFact): boolean {
  for (let at: CallFact["region"] | null = call.region; at; at = at.parent) if (at === region) return true;
  return false;
}
