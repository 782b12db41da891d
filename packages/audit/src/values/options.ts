import type { Expr } from "../facts/model.ts";
import type { Evaluator } from "./evaluator.ts";
import type { Value } from "./value.ts";

/** A property of an object expression, with what it is written as and where it came from. */
export interface Option {
  value: Expr;
  pos: number;
  /** Only under a condition, or from an object that a caller gives. */
  conditional: boolean;
}

/** Finds a property in an object that an expression stands for: literals, spreads, variables, later writes. */
export function findOption(evaluator: Evaluator, expr: Expr, names: readonly string[], depth = 0): Option | null {
  if (depth > 6) return null;
  const wanted = (key: string) => names.some((one) => one.toLowerCase() === key.toLowerCase());
  switch (expr.k) {
    case "object": {
      // The last one wins, as in the language.
      for (const prop of expr.props.toReversed()) {
        if (prop.key === "...") {
          const found = findOption(evaluator, prop.value, names, depth + 1);
          if (found) return found;
        } else if (wanted(prop.key)) return { value: prop.value, pos: prop.pos, conditional: false };
      }
      return null;
    }
    case "either": {
      for (const one of expr.e) {
        const found = findOption(evaluator, one, names, depth + 1);
        if (found) return { ...found, conditional: true };
      }
      return null;
    }
    case "ref": {
      for (const write of evaluator.writes.of(expr.b))
        if (wanted(write.p)) return { value: write.value, pos: write.pos, conditional: write.region.kind !== "body" };
      for (const source of expr.b.sources) {
        const found = findOption(evaluator, source, names, depth + 1);
        if (found) return found;
      }
      break;
    }
    case "call": {
      const { callee, args } = expr.c;
      if (callee.k === "member" && callee.p === "assign" && callee.o.k === "global" && callee.o.name === "Object")
        for (const arg of args.toReversed()) {
          const found = findOption(evaluator, arg, names, depth + 1);
          if (found) return found;
        }
      // `new Headers({...})`, `JSON.stringify({...})`: what they were made of.
      const wrapper = callee.k === "global" ? callee.name : callee.k === "member" ? callee.p : "";
      if ((wrapper === "Headers" || wrapper === "stringify" || wrapper === "URLSearchParams") && args[0])
        return findOption(evaluator, args[0], names, depth + 1);
      for (const value of evaluator.of(callee)) {
        if (value.k !== "function") continue;
        for (const returned of value.f.returns) {
          const found = findOption(evaluator, returned, names, depth + 1);
          if (found) return found;
        }
      }
      return null;
    }
    default:
      break;
  }
  return fromValues(evaluator, evaluator.of(expr), names, depth);
}

function fromValues(
  evaluator: Evaluator,
  values: readonly Value[],
  names: readonly string[],
  depth: number,
): Option | null {
  for (const one of values) {
    if (one.k !== "object") continue;
    const found = findOption(evaluator, one.e, names, depth + 1);
    if (found) return found;
  }
  return null;
}

/** The literals a property may have. */
export function optionLiterals(
  evaluator: Evaluator,
  expr: Expr | undefined,
  name: string,
): (string | number | boolean)[] {
  if (!expr) return [];
  const found = findOption(evaluator, expr, [name]);
  if (!found) return [];
  return evaluator.of(found.value).flatMap((one) => (one.k === "lit" ? [one.v] : []));
}
