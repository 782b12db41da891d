import type { Expr } from "../facts/model.ts";

/** The source of a name or a chain of members; null for everything else. */
export function render(expr: Expr): string | null {
  if (expr.k === "ref") return /^[A-Za-z_$][\w$]*$/.test(expr.b.name) ? expr.b.name : null;
  if (expr.k !== "member" || expr.p === "[]" || !/^[A-Za-z_$][\w$]*$/.test(expr.p)) return null;
  const inner = render(expr.o);
  return inner === null ? null : `${inner}.${expr.p}`;
}
