import type { Binding, Expr, FunctionFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { isTimeWindow } from "./time-window.ts";
import { freshSource, isAttemptCounter, isModelCallId } from "./unstable-sources.ts";

/** What a key is made of. */
export interface Ingredients {
  /** New at every evaluation, with the place that makes it. */
  fresh: { what: string; fn: FunctionFact; pos: number } | null;
  /** Varies with what the call is about: parameters, records, events. */
  data: boolean;
  /** The same for all calls: literals, environment, configuration of an object that outlives the call. */
  fixed: boolean;
  /** Parameters that decide, for asking their callers. */
  params: Set<Binding>;
  /** Names that it depends on, for loops. */
  names: Set<Binding>;
  /** One of several alternatives is fixed, so that some calls share one key. */
  sometimesFixed: boolean;
  /** May be missing. */
  absent: boolean;
}

export function ingredientsOf(evaluator: Evaluator, expr: Expr): Ingredients {
  const found: Ingredients = {
    fresh: null,
    data: false,
    fixed: false,
    params: new Set(),
    names: new Set(),
    sometimesFixed: false,
    absent: false,
  };
  walk(evaluator, expr, found, new Set(), 0);
  return found;
}

const MAX_DEPTH = 24;

function walk(evaluator: Evaluator, expr: Expr, found: Ingredients, seen: Set<object>, depth: number): void {
  if (depth > MAX_DEPTH || seen.has(expr)) return;
  seen.add(expr);
  const into = (one: Expr) => walk(evaluator, one, found, seen, depth + 1);
  if (isTimeWindow(evaluator, expr)) {
    found.data = true;
    return;
  }
  if (isModelCallId(expr)) {
    found.fresh ??= { what: "the model's own call id", fn: functionOf(expr), pos: 0 };
    return;
  }
  if (isAttemptCounter(expr)) {
    found.fresh ??= { what: "the attempt number", fn: functionOf(expr), pos: 0 };
    return;
  }
  switch (expr.k) {
    case "lit":
      if (expr.v === null) found.absent = true;
      else found.fixed = true;
      return;
    case "global":
      if (expr.name === "undefined") found.absent = true;
      else found.fixed = true;
      return;
    case "this":
    case "super":
      found.fixed = true;
      return;
    case "ref": {
      walkName(evaluator, expr.b, found, seen, depth);
      return;
    }
    case "member": {
      walkMember(evaluator, expr, found, seen, depth);
      return;
    }
    case "call": {
      walkCall(evaluator, expr, found, seen, depth);
      return;
    }
    case "either": {
      walkEither(evaluator, expr, found, seen, depth);
      return;
    }
    case "template":
    case "op":
    case "array": {
      walkParts(evaluator, expr.e, found, seen, depth);
      return;
    }
    case "object": {
      walkParts(
        evaluator,
        expr.props.map((one) => one.value),
        found,
        seen,
        depth,
      );
      return;
    }
    case "spread": {
      into(expr.e);
      return;
    }
    default:
      found.data = true;
  }
}

/** A text of several parts differs as soon as one of them does, and is always there. */
function walkParts(
  evaluator: Evaluator,
  parts: readonly Expr[],
  found: Ingredients,
  seen: Set<object>,
  depth: number,
): void {
  let differs = false;
  let sometimesFixed = false;
  for (const one of parts) {
    const inner: Ingredients = {
      ...found,
      fresh: null,
      data: false,
      fixed: false,
      sometimesFixed: false,
      absent: false,
    };
    walk(evaluator, one, inner, seen, depth + 1);
    found.fresh ??= inner.fresh;
    found.data ||= inner.data;
    found.fixed ||= inner.fixed;
    sometimesFixed ||= inner.sometimesFixed;
    differs ||= inner.data && !inner.sometimesFixed;
  }
  found.sometimesFixed ||= sometimesFixed && !differs;
}

function functionOf(expr: Expr): FunctionFact {
  const binding = expr.k === "ref" ? expr.b : expr.k === "member" && expr.o.k === "ref" ? expr.o.b : null;
  return (binding?.fn ?? binding?.file.functions[0]) as FunctionFact;
}

function walkName(evaluator: Evaluator, b: Binding, found: Ingredients, seen: Set<object>, depth: number): void {
  found.names.add(b);
  if (seen.has(b)) return;
  seen.add(b);
  if (b.param || b.kind === "catch") {
    found.data = true;
    found.params.add(b);
    return;
  }
  if (b.imported) {
    found.fixed = true;
    return;
  }
  const atTop = b.fn === null || b.fn.kind === "module";
  if (b.sources.length === 0) {
    if (atTop) found.fixed = true;
    else found.data = true;
    return;
  }
  if (atTop) {
    // Made once when the module loads: the same for all calls of this process.
    found.fixed = true;
    return;
  }
  for (const one of b.sources) walk(evaluator, one, found, seen, depth + 1);
}

function walkMember(
  evaluator: Evaluator,
  expr: Extract<Expr, { k: "member" }>,
  found: Ingredients,
  seen: Set<object>,
  depth: number,
): void {
  const root = rootOf(expr);
  if (root.k === "this" && root.cls) {
    // What an object was made with stays the same for all its calls, unless a method fills it in.
    found.fixed = true;
    return;
  }
  if (root.k === "global") {
    found.fixed = true;
    return;
  }
  if (root.k === "ref") {
    found.names.add(root.b);
    // A member of a literal object: only that member counts.
    const member =
      root.b.sources.length === 1 && root.b.sources[0]?.k === "object" && expr.o === root ? root.b.sources[0] : null;
    const prop = member?.k === "object" ? member.props.find((one) => one.key === expr.p) : undefined;
    if (prop) {
      walk(evaluator, prop.value, found, seen, depth + 1);
      return;
    }
    if (root.b.param) {
      found.data = true;
      found.params.add(root.b);
      return;
    }
    // A member of what a call returned is data of the record, whatever else went into the call.
    if (root.b.sources.some((one) => one.k === "call" && freshSource(evaluator, one.c) === null)) {
      found.data = true;
      return;
    }
  }
  walk(evaluator, root, found, seen, depth + 1);
}

function rootOf(expr: Expr): Expr {
  let at = expr;
  while (at.k === "member") at = at.o;
  return at;
}

/** `new Date().toISOString().slice(0, 10)` is a period, not a moment. */
function cutsToPeriod(expr: Extract<Expr, { k: "call" }>): boolean {
  const { callee } = expr.c;
  if (callee.k !== "member") return false;
  if (callee.p === "slice" || callee.p === "substring" || callee.p === "split")
    return chainHas(callee.o, /toISOString|toJSON|format/);
  return /^(?:getFullYear|getMonth|getDate|getUTC(?:FullYear|Month|Date)|toDateString|toLocaleDateString|startOf|format)$/.test(
    callee.p,
  );
}

function chainHas(expr: Expr, pattern: RegExp): boolean {
  if (expr.k === "call") return chainHas(expr.c.callee, pattern);
  return expr.k === "member" && (pattern.test(expr.p) || chainHas(expr.o, pattern));
}

function walkCall(
  evaluator: Evaluator,
  expr: Extract<Expr, { k: "call" }>,
  found: Ingredients,
  seen: Set<object>,
  depth: number,
): void {
  const { c } = expr;
  if (cutsToPeriod(expr)) {
    found.data = true;
    return;
  }
  const fresh = freshSource(evaluator, c);
  if (fresh) {
    found.fresh ??= { what: fresh, fn: c.fn, pos: c.pos };
    return;
  }
  let known = false;
  for (const value of evaluator.of(c.callee)) {
    if (value.k !== "function") continue;
    known = true;
    const inner: Ingredients = { ...found, params: new Set(), names: new Set() };
    for (const one of value.f.returns) walk(evaluator, one, inner, seen, depth + 1);
    if (inner.fresh && !found.fresh)
      found.fresh = inner.fresh.fn === value.f ? { ...inner.fresh, fn: c.fn, pos: c.pos } : inner.fresh;
    if (inner.fixed) found.fixed = true;
    // What the function takes from its parameters is in the arguments here.
    if (inner.data && inner.params.size === 0) found.data = true;
  }
  for (const arg of c.args) walk(evaluator, arg, found, seen, depth + 1);
  if (c.callee.k === "member") {
    const root = rootOf(c.callee);
    // `order.id.toLowerCase()`, `[a, b].join(":")`
    if (root.k !== "this" && root.k !== "super" && root.k !== "global")
      walk(evaluator, c.callee.o, found, seen, depth + 1);
  }
  // A lookup: what comes back is about the record.
  if (!known && c.awaited) found.data = true;
}

function walkEither(
  evaluator: Evaluator,
  expr: Extract<Expr, { k: "either" }>,
  found: Ingredients,
  seen: Set<object>,
  depth: number,
): void {
  for (const one of expr.op === "&&" ? expr.e.slice(-1) : expr.e) {
    const inner: Ingredients = { ...found, fresh: null, data: false, fixed: false, absent: false };
    walk(evaluator, one, inner, seen, depth + 1);
    found.fresh ??= inner.fresh;
    found.data ||= inner.data;
    found.fixed ||= inner.fixed;
    found.absent ||= inner.absent;
    found.sometimesFixed ||= inner.sometimesFixed || (inner.fixed && !inner.data && !inner.fresh);
  }
  if (expr.op === "&&") found.absent = true;
}
