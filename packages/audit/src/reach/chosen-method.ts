import type { Boundary } from "../boundaries/boundary.ts";
import type { Edge } from "../calls/call-graph.ts";
import type { Binding, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";

/** The parameter that says which method a request has, or the object that says so in a property. */
export interface Chosen {
  param: Binding;
  field: string | null;
}

const READS = /^(?:GET|HEAD|OPTIONS)$/i;

/** `request(method, path)`: what a request does is up to whoever calls the function around it. */
export function chosenMethod(evaluator: Evaluator, { http, call }: Boundary): Chosen | null {
  if (!http) return null;
  for (const arg of call.args.toReversed()) {
    if (arg.k !== "object") {
      const whole = parameterIn(arg);
      if (whole && whole.field === null && findOption(evaluator, arg, ["method"]))
        return { param: whole.param, field: "method" };
      continue;
    }
    const method = arg.props.findLast((one) => one.key === "method");
    if (method) return parameterIn(method.value);
    // `fetch(url, { ...init, headers })`
    const spread = arg.props.findLast((one) => one.key === "...");
    const whole = spread ? parameterIn(spread.value) : null;
    if (whole?.field === null) return { param: whole.param, field: "method" };
  }
  return null;
}

/** `method`, `options.method`, `method.toUpperCase()`, and what was taken out of a parameter. */
function parameterIn(expr: Expr): Chosen | null {
  if (expr.k === "call" && expr.c.callee.k === "member" && expr.c.args.length === 0)
    return parameterIn(expr.c.callee.o);
  if (expr.k === "ref") {
    if (expr.b.param) return { param: expr.b, field: null };
    const [source] = expr.b.sources;
    return source?.k === "member" && !expr.b.reassigned ? parameterIn(source) : null;
  }
  if (expr.k !== "member" || expr.o.k !== "ref" || !expr.o.b.param) return null;
  return { param: expr.o.b, field: expr.p };
}

/** What a caller makes of it: "reads" if nothing is changed on this way, null if it is settled, or who decides further out. */
export function askedBy(evaluator: Evaluator, chosen: Chosen, edge: Edge): Chosen | "reads" | null {
  const { param } = chosen.param;
  if (!param || edge.via !== "call" || edge.callee !== param.fn) return chosen;
  const given = edge.call.args[param.index - edge.offset];
  if (!given) return chosen.field === null && chosen.param.sources.some(isRead) ? "reads" : null;
  const value = chosen.field === null ? given : fieldOf(given, chosen.field);
  if (value === "absent") return "reads";
  if (value === null) {
    const whole = parameterIn(given);
    return whole && whole.field === null ? { param: whole.param, field: chosen.field } : null;
  }
  const values = evaluator.of(value);
  if (values.length > 0 && values.every((one) => one.k === "lit" && READS.test(String(one.v)))) return "reads";
  return parameterIn(value);
}

/** A property of an object that is written out; "absent" if it is surely not there. */
function fieldOf(given: Expr, field: string): Expr | "absent" | null {
  if (given.k !== "object") return null;
  const found = given.props.findLast((one) => one.key === field);
  if (found) return found.value;
  return given.props.some((one) => one.key === "..." || one.key === "[]") ? null : "absent";
}

function isRead(expr: Expr): boolean {
  return expr.k === "lit" && READS.test(String(expr.v));
}
