import type { AssignmentTarget, AssignmentTargetMaybeDefault, Expression } from "oxc-parser";
import { keyName, type Lowering } from "./context.ts";
import { append, NONE } from "./lists.ts";
import type { Expr } from "./model.ts";

/** Records where a value goes: a name, a member, the names of a pattern. */
export function assignTo(on: Lowering, target: AssignmentTarget, value: Expr, combines: boolean): void {
  switch (target.type) {
    case "Identifier": {
      const binding = on.scope.find(target.name);
      if (!binding) return;
      binding.reassigned = true;
      binding.sources = append(binding.sources, value);
      // `x += ...` keeps the old value in the new one; its sources already say so.
      return;
    }
    case "MemberExpression":
      assignToMember(on, target, value);
      return;
    case "ArrayPattern":
      target.elements.forEach((one, index) => {
        if (one === null) return;
        if (one.type === "RestElement") assignTo(on, one.argument, value, combines);
        else assignMaybe(on, one, { k: "member", o: value, p: String(index), x: null, pos: one.start, answer: null });
      });
      return;
    case "ObjectPattern":
      for (const one of target.properties) {
        if (one.type === "RestElement") {
          assignTo(on, one.argument, value, combines);
          continue;
        }
        const p = keyName(one.key, one.computed) ?? "[]";
        assignMaybe(on, one.value, { k: "member", o: value, p, x: null, pos: one.start, answer: null });
      }
      return;
    default:
      assignTo(on, target.expression as AssignmentTarget, value, combines);
  }
}

function assignMaybe(on: Lowering, target: AssignmentTargetMaybeDefault, value: Expr): void {
  if (target.type !== "AssignmentPattern") {
    assignTo(on, target, value, false);
    return;
  }
  const fallback = on.expression(target.right);
  assignTo(on, target.left, { k: "either", op: "??", test: null, e: [value, fallback], answer: null }, false);
}

function assignToMember(
  on: Lowering,
  target: Extract<AssignmentTarget, { type: "MemberExpression" }>,
  value: Expr,
): void {
  const o = on.expression(target.object);
  let p = target.computed ? "[]" : (keyName(target.property, false) ?? "[]");
  if (target.computed) {
    const x = on.expression(target.property as Expression);
    if (x.k === "lit" && x.v !== null) p = String(x.v);
  }
  if (o.k === "this" && o.cls) {
    const fields = o.cls.fields;
    fields[p] = append(fields[p] ?? NONE, value);
    return;
  }
  on.file.writes.push({ o, p, value, region: on.region, pos: target.start });
}
