import type { Binding, Expr } from "../facts/model.ts";
import type { Evaluator } from "./evaluator.ts";
import { findOption } from "./options.ts";
import { HOLE, textOf } from "./text.ts";

const MAX_TEXTS = 40;
const MAX_DEPTH = 4;

/** All texts an expression may be: what a wrapper is called with counts, also inside an object that it takes. */
export function textsOf(evaluator: Evaluator, expr: Expr): string[] {
  const found = new Set<string>();
  collect(evaluator, expr, found, 0);
  return [...found];
}

function collect(evaluator: Evaluator, expr: Expr, found: Set<string>, depth: number): void {
  if (depth > MAX_DEPTH || found.size >= MAX_TEXTS) return;
  for (const given of givenFor(evaluator, expr)) collect(evaluator, given, found, depth + 1);
  for (const one of evaluator.of(expr)) if (one.k === "lit") found.add(String(one.v));
  const text = textOf(evaluator, expr);
  if (text !== null && text !== HOLE) found.add(text);
}

/** What callers give for a parameter, or for a member of one. */
function givenFor(evaluator: Evaluator, expr: Expr, depth = 0): Expr[] {
  // `a = b; b = a`
  if (depth > MAX_DEPTH) return [];
  if (expr.k === "either") return expr.op === "&&" ? expr.e.slice(-1) : expr.e;
  // `method.toUpperCase()`
  if (expr.k === "call" && expr.c.callee.k === "member" && expr.c.args.length === 0) return [expr.c.callee.o];
  if (expr.k === "ref") {
    if (expr.b.param) return evaluator.argumentsFor(expr.b);
    const source = expr.b.sources.length > 0 ? expr.b.sources : [];
    return source.flatMap((one) =>
      one.k === "member" || one.k === "ref" ? givenFor(evaluator, one, depth + 1) : [one],
    );
  }
  if (expr.k !== "member" || expr.o.k !== "ref") return [];
  return holdersOf(evaluator, expr.o.b).flatMap((one) => {
    const found = findOption(evaluator, one, [expr.p]);
    return found ? [found.value] : [];
  });
}

function holdersOf(evaluator: Evaluator, b: Binding): Expr[] {
  return b.param ? evaluator.argumentsFor(b) : [];
}
