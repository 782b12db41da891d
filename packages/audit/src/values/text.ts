import type { Expr } from "../facts/model.ts";
import type { Evaluator } from "./evaluator.ts";

/** What is not known of a text. */
export const HOLE = "{}";

/** Methods that leave a text nearly as it is; where its case matters, it is compared without. */
const SAME_TEXT = new Set(["toString", "trim", "replace", "replaceAll", "toUpperCase", "toLowerCase", "concat"]);

/** The text an expression gives, with HOLE for every part that only the run time knows; null if it is no text at all. */
export function textOf(evaluator: Evaluator, expr: Expr, depth = 0): string | null {
  if (depth > 8) return HOLE;
  const part = (one: Expr) => textOf(evaluator, one, depth + 1) ?? HOLE;
  switch (expr.k) {
    case "lit":
      return expr.v === null ? null : String(expr.v);
    case "template":
      return expr.s.map((one, index) => one + (index < expr.e.length ? part(expr.e[index] as Expr) : "")).join("");
    case "op":
      return expr.op === "+" ? expr.e.map(part).join("") : null;
    case "either":
      return (
        expr.e
          .map((one) => textOf(evaluator, one, depth + 1))
          .find((one) => one !== null && one !== "" && one !== HOLE) ?? HOLE
      );
    case "ref": {
      const only = expr.b.sources.length > 0 && !expr.b.param ? expr.b.sources[0] : undefined;
      if (only) return textOf(evaluator, only, depth + 1);
      return literal(evaluator, expr);
    }
    case "member": {
      if (expr.p === "href" || expr.p === "url") return textOf(evaluator, expr.o, depth + 1);
      return literal(evaluator, expr);
    }
    case "call": {
      const { callee, args, isNew } = expr.c;
      const first = args[0];
      if (isNew && callee.k === "global" && callee.name === "URL" && first) {
        const base = args[1] ? part(args[1]) : "";
        return (base === HOLE ? HOLE : base.replace(/\/$/, "")) + part(first);
      }
      if (callee.k === "member" && SAME_TEXT.has(callee.p)) return textOf(evaluator, callee.o, depth + 1);
      if (callee.k === "global" && callee.name === "String" && first) return textOf(evaluator, first, depth + 1);
      if (callee.k === "member" && callee.p === "join" && callee.o.k === "array")
        return callee.o.e.map(part).join(HOLE);
      return literal(evaluator, expr);
    }
    default:
      return null;
  }
}

function literal(evaluator: Evaluator, expr: Expr): string {
  for (const one of evaluator.of(expr)) if (one.k === "lit") return String(one.v);
  return HOLE;
}
