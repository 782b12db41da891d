import type { Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";

const MINUTE_MS = 60_000;
/** `2026-11-22T10`: an hour; with more of it, two attempts hardly share it. */
const HOUR = 13;

/** The minute, the hour or the day: the same for attempts that follow one another. */
export function isTimeWindow(evaluator: Evaluator, expr: Expr): boolean {
  if (expr.k === "op" && expr.op === "/") {
    const [, size] = expr.e;
    return size !== undefined && evaluator.of(size).some((one) => one.k === "lit" && Number(one.v) >= MINUTE_MS);
  }
  // `new Date().toISOString().split("T")[0]`
  if (expr.k === "member" && (expr.p === "0" || expr.p === "[]"))
    return expr.o.k === "call" && methodOf(expr.o) === "split" && isStamp(expr.o);
  if (expr.k !== "call" || !isStamp(expr)) return false;
  const [start, end] = expr.c.args;
  return (
    /^(?:slice|substring)$/.test(methodOf(expr)) &&
    start?.k === "lit" &&
    start.v === 0 &&
    end?.k === "lit" &&
    Number(end.v) <= HOUR
  );
}

type Call = Extract<Expr, { k: "call" }>;

/** A method of `date.toISOString()`. */
function isStamp({ c: { callee } }: Call): boolean {
  return callee.k === "member" && callee.o.k === "call" && methodOf(callee.o) === "toISOString";
}

function methodOf({ c: { callee } }: Call): string {
  return callee.k === "member" ? callee.p : "";
}
