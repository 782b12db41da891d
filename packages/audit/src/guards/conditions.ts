import type { CallFact, Expr, Region } from "../facts/model.ts";

/** A value that decides whether a call is reached, and how it has to be. */
export interface Condition {
  expr: Expr;
  /** Reached when the value is there (true), is missing (false), or equals something (null). */
  whenPresent: boolean | null;
  pos: number;
}

/** What has to hold for a call to be reached: the branches it stands in, and the exits it has passed. */
export function conditionsOf(call: CallFact): Condition[] {
  const found: Condition[] = [];
  const around = new Set<Region>();
  for (let region: Region | null = call.region; region; region = region.parent) {
    around.add(region);
    if ((region.kind === "then" || region.kind === "else") && region.test)
      decompose(region.test, region.kind === "then", region.start, found);
  }
  for (const exit of call.fn.exits) {
    const branch = exit.region;
    if (exit.pos >= call.pos || around.has(branch)) continue;
    if (
      (branch.kind !== "then" && branch.kind !== "else") ||
      !branch.test ||
      !branch.parent ||
      !around.has(branch.parent)
    )
      continue;
    decompose(branch.test, branch.kind !== "then", branch.start, found);
  }
  return found;
}

function decompose(test: Expr, holds: boolean, pos: number, into: Condition[]): void {
  if (test.k === "op" && test.op === "!") {
    const inner = test.e[0];
    if (inner) decompose(inner, !holds, pos, into);
    return;
  }
  if (test.k === "either" && test.op !== "?:") {
    // When `a && b` fails, nobody knows which of them did; the same for `a || b` that holds.
    if (holds === (test.op === "&&")) for (const one of test.e) decompose(one, holds, pos, into);
    return;
  }
  if (test.k === "op" && test.e.length === 2) {
    const [left, right] = test.e as [Expr, Expr];
    const equal = test.op === "===" || test.op === "==";
    const different = test.op === "!==" || test.op === "!=";
    if ((equal || different) && isNothing(right)) {
      into.push({ expr: left, whenPresent: different === holds, pos });
      return;
    }
    if (isZero(right) && (equal || test.op === ">" || different || test.op === "<")) {
      into.push({ expr: withoutLength(left), whenPresent: (test.op === ">" || different) === holds, pos });
      return;
    }
    if (equal || different) {
      into.push({ expr: left, whenPresent: null, pos }, { expr: right, whenPresent: null, pos });
      return;
    }
    // Other comparisons say nothing about whether something was done before.
    return;
  }
  into.push({ expr: test, whenPresent: holds, pos });
}

function isNothing(expr: Expr): boolean {
  return (expr.k === "lit" && expr.v === null) || (expr.k === "global" && expr.name === "undefined");
}

function isZero(expr: Expr): boolean {
  return expr.k === "lit" && expr.v === 0;
}

function withoutLength(expr: Expr): Expr {
  return expr.k === "member" && (expr.p === "length" || expr.p === "size" || expr.p === "count") ? expr.o : expr;
}
