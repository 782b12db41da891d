import type { CallFact, Expr, FunctionFact } from "../facts/model.ts";
import { unique, type Values } from "./value.ts";

interface Host {
  of(expr: Expr): Values;
  returned(fn: FunctionFact): Values;
}

const SAME = new Set(["filter", "slice", "concat", "reverse", "sort", "flat", "toSorted", "toReversed", "values"]);
/** `get` of a map: what it holds is kept as a list. */
const ONE = new Set(["find", "findLast", "at", "pop", "shift", "get"]);
const EACH = new Set([
  "map",
  "forEach",
  "filter",
  "find",
  "some",
  "every",
  "flatMap",
  "findLast",
  "findIndex",
  "sort",
  "map2",
  "mapSeries",
  "each",
]);

/** The first parameter of these is an element. */
export function isArrayCallback(method: string, index: number): boolean {
  return index === 0 && EACH.has(method);
}

/** Calls that take arrays and promises apart or put them together; null for all others. */
export function arrayCall(host: Host, c: CallFact): Values | null {
  const callee = c.callee;
  if (callee.k !== "member" || c.isNew) return null;
  const { p, o } = callee;
  if (o.k === "global" && (o.name === "Promise" || o.name === "Object" || o.name === "Array"))
    return ofStatic(host, c, o.name, p);
  if (p === "bind") return host.of(o);
  if (p === "then") return afterThen(host, c, o);
  if (p === "catch" || p === "finally") return host.of(o);
  if (!SAME.has(p) && !ONE.has(p) && p !== "map" && p !== "flatMap") return null;
  const arrays = host.of(o).filter((one) => one.k === "array");
  if (arrays.length === 0) return null;
  const elements = unique(arrays.flatMap((one) => one.e));
  if (ONE.has(p)) return elements;
  if (SAME.has(p)) return [{ k: "array", e: elements }];
  return [{ k: "array", e: callbackReturns(host, c.args[0]) }];
}

function callbackReturns(host: Host, callback: Expr | undefined): Values {
  if (!callback) return [];
  return unique(host.of(callback).flatMap((one) => (one.k === "function" ? host.returned(one.f) : [])));
}

function afterThen(host: Host, c: CallFact, promise: Expr): Values {
  const results = callbackReturns(host, c.args[0]);
  return results.length > 0 ? results : host.of(promise).filter((one) => one.k === "ext");
}

function ofStatic(host: Host, c: CallFact, name: string, p: string): Values | null {
  const first = c.args[0];
  if (!first) return null;
  if (name === "Promise")
    return p === "all" || p === "allSettled" || p === "race" || p === "resolve" ? host.of(first) : null;
  if (name === "Array") return p === "from" ? host.of(first) : null;
  if (p !== "values" && p !== "entries") return p === "freeze" || p === "assign" ? host.of(first) : null;
  const values = host
    .of(first)
    .flatMap((one) => (one.k === "object" ? one.e.props.slice(0, 400).flatMap((prop) => host.of(prop.value)) : []));
  return [{ k: "array", e: p === "values" ? values : [{ k: "array", e: values }] }];
}
