import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";

/** A call that a value comes from, and the fields that were taken out of what it returned. */
export interface Origin {
  call: CallFact;
  fields: string[];
}

/** The calls a value was computed from, through names, members, conditions and functions of the project. */
export function originsOf(
  evaluator: Evaluator,
  expr: Expr,
  depth = 0,
  fields: string[] = [],
  seen: Set<Expr> = new Set(),
): Origin[] {
  if (depth > 10 || seen.has(expr)) return [];
  seen.add(expr);
  const again = (one: Expr, taken: string[] = fields) => originsOf(evaluator, one, depth + 1, taken, seen);
  switch (expr.k) {
    case "ref":
      return expr.b.param || expr.b.imported ? [] : expr.b.sources.flatMap((one) => again(one));
    case "member":
      return again(expr.o, [expr.p, ...fields]);
    case "call": {
      const { c } = expr;
      // A chain of builders is one lookup: `from("x").select().eq().single()`.
      const inner = c.callee.k === "member" && c.callee.o.k === "call" ? c.callee.o : null;
      const own: Origin[] = [{ call: c, fields }];
      if (inner) own.push(...again(inner));
      for (const value of evaluator.of(c.callee))
        if (value.k === "function" && depth < 4) for (const one of value.f.returns) own.push(...again(one));
      return own;
    }
    case "either":
      return [...expr.e, ...(expr.test ? [expr.test] : [])].flatMap((one) => again(one));
    case "op":
      return expr.e.flatMap((one) => again(one));
    default:
      return [];
  }
}

const READS =
  /^(?:find|get|fetch|load|select|exists|has|count|retrieve|list|lookup|query|maybeSingle|single|first|read|search|hget|mget|smembers|sismember|scan)(?!.*(?:Balance|Session|Token|Config|Permission|Auth|Header|Settings|Flag))/;

export function isLookup(call: CallFact): boolean {
  return READS.test(nameOfCall(call));
}

const CONFLICTS =
  /^(?:onConflictDoNothing|onConflict|ignore|orIgnore|setnx|setNX|acquire|tryAcquire|tryLock|claim|tryClaim|insertIfAbsent|putIfAbsent|createIfNotExists)$/;

/** A function of the project that makes such an insert: `claimEvent({ key })`. */
export function claims(evaluator: Evaluator, call: CallFact, depth = 0): boolean {
  if (isUniqueInsert(call)) return true;
  if (depth > 1 || !CLAIMS.test(nameOfCall(call))) return false;
  return evaluator
    .of(call.callee)
    .some((one) => one.k === "function" && one.f.calls.some((inner) => claims(evaluator, inner, depth + 1)));
}

const CLAIMS = /claim|acquire|reserve|dedup|first|once|idempoten|lock|mark|register|record|insert|create|set|run|try/i;

/** An insert that says whether it was the first. */
export function isUniqueInsert(call: CallFact): boolean {
  if (CONFLICTS.test(nameOfCall(call))) return true;
  return call.args.some((one) => mentionsConflict(one, 0));
}

function mentionsConflict(expr: Expr, depth: number): boolean {
  if (depth > 4) return false;
  if (expr.k === "lit")
    return (
      typeof expr.v === "string" &&
      (expr.v === "NX" || /on\s+conflict[\s\S]*do\s+nothing|insert\s+(?:or\s+)?ignore/i.test(expr.v))
    );
  if (expr.k === "template")
    return expr.s.some((one) => /on\s+conflict[\s\S]*do\s+nothing|insert\s+(?:or\s+)?ignore/i.test(one));
  if (expr.k === "object")
    return expr.props.some(
      (one) =>
        one.key === "skipDuplicates" ||
        one.key.toLowerCase() === "nx" ||
        (one.key === "ConditionExpression" &&
          one.value.k === "lit" &&
          /attribute_not_exists/.test(String(one.value.v))) ||
        mentionsConflict(one.value, depth + 1),
    );
  if (expr.k === "call") return expr.c.args.some((one) => mentionsConflict(one, depth + 1));
  return expr.k === "ref" && expr.b.sources.length === 1 && mentionsConflict(expr.b.sources[0] as Expr, depth + 1);
}

export function nameOfCall(call: CallFact | null): string {
  if (!call) return "";
  const { callee } = call;
  return callee.k === "member"
    ? callee.p
    : callee.k === "ref"
      ? callee.b.name
      : callee.k === "global"
        ? callee.name
        : "";
}

const EVENT = /^(?:event|evt|webhook|message|msg|delivery|job|record|notification|payload|body|svix|update)/i;
const EVENT_ID =
  /^(?:event_?id|delivery_?id|message_?id|webhook_?id|job_?id|svix_?id|idempotency_?key|notification_?id)$/i;

/** Does an expression contain the id of an event, a message or a job? */
export function mentionsEventId(expr: Expr, depth = 0): boolean {
  if (depth > 6) return false;
  const again = (one: Expr) => mentionsEventId(one, depth + 1);
  switch (expr.k) {
    case "ref":
      return (
        EVENT_ID.test(expr.b.name) || (!expr.b.param && expr.b.sources.some((one) => one.k === "member" && again(one)))
      );
    case "member":
      return (
        EVENT_ID.test(expr.p) ||
        (/^(?:id|key|uid|_id)$/.test(expr.p) &&
          ((expr.o.k === "ref" && EVENT.test(expr.o.b.name)) || (expr.o.k === "member" && EVENT.test(expr.o.p))))
      );
    case "object":
      return expr.props.some((one) => again(one.value));
    case "template":
    case "op":
    case "array":
      return expr.e.some(again);
    case "either":
      return expr.e.some(again);
    case "call":
      return expr.c.args.some(again);
    default:
      return false;
  }
}
