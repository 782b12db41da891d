import type { BindingPattern } from "oxc-parser";
import { keyName, type Lowering } from "./context.ts";
import { append } from "./lists.ts";
import type { Binding, Expr, TypeFact } from "./model.ts";

/** Declares what a pattern binds. Returns the binding of a plain name, or an invisible one that stands for the whole. */
export function lowerPattern(
  on: Lowering,
  node: BindingPattern,
  value: Expr | null,
  kind: Binding["kind"],
  given: TypeFact | null,
): Binding {
  const type = node.typeAnnotation ? on.typeOf(node.typeAnnotation.typeAnnotation) : given;
  if (node.type === "Identifier") {
    const binding = on.scope.declare(on.file, node.name, kind, node.start);
    if (value) binding.sources = append(binding.sources, value);
    if (type) binding.type = type;
    return binding;
  }
  if (node.type === "AssignmentPattern") {
    const fallback = on.expression(node.right);
    const binding = lowerPattern(on, node.left, value, kind, type);
    binding.sources = append(binding.sources, fallback);
    return binding;
  }
  const whole = on.scope.declare(on.file, `{${node.start}}`, kind, node.start);
  if (value) whole.sources = append(whole.sources, value);
  if (type) whole.type = type;
  const base: Expr = { k: "ref", b: whole };
  const member = (p: string, pos: number): Expr => ({ k: "member", o: base, p, x: null, pos, answer: null });
  if (node.type === "ObjectPattern") {
    for (const one of node.properties) {
      if (one.type === "RestElement") lowerPattern(on, one.argument, base, nested(kind), null);
      else {
        const name = keyName(one.key, one.computed);
        lowerPattern(on, one.value, member(name ?? "[]", one.key.start), nested(kind), null);
      }
    }
    return whole;
  }
  node.elements.forEach((one, index) => {
    if (one === null) return;
    if (one.type === "RestElement") lowerPattern(on, one.argument, base, nested(kind), null);
    else lowerPattern(on, one, member(String(index), one.start), nested(kind), null);
  });
  return whole;
}

/** What is taken out of a parameter is a value like any other. */
function nested(kind: Binding["kind"]): Binding["kind"] {
  return kind === "param" ? "const" : kind;
}
