import type { Binding, CallFact, ClassFact, Expr, FileFacts, FunctionFact, TypeFact } from "../facts/model.ts";

/** What an expression may be at run time, as far as the sources tell. */
export type Value =
  /**
   * Something of a package. `path` is how it was come by: names, "()" for a call, "new", and "cb" for what the package
   * hands to a callback. `new Stripe(x).refunds.create` is stripe: default new refunds create.
   * `made` is the call that made the client, for its options.
   */
  | { k: "ext"; pkg: string; path: string[]; made?: CallFact }
  | { k: "global"; path: string[]; made?: CallFact }
  | { k: "function"; f: FunctionFact }
  | { k: "class"; c: ClassFact }
  | { k: "instance"; c: ClassFact }
  | { k: "object"; e: Extract<Expr, { k: "object" }>; file: FileFacts | null }
  | { k: "array"; e: Value[] }
  | { k: "namespace"; file: FileFacts }
  | { k: "lit"; v: string | number | boolean }
  /** Known by its type only. */
  | { k: "shape"; members: Record<string, TypeFact> }
  /** A parameter that no known caller fills. */
  | { k: "param"; b: Binding };

/** Longer lists are data. */
const MAX_ELEMENTS = 400;

/** Keeps one of each, and one list of all elements: lists of lists of alternatives would multiply. */
export function unique(values: Value[]): Value[] {
  if (values.length < 2) return values;
  const seen = new Set<unknown>();
  const kept: Value[] = [];
  let elements: Value[] | null = null;
  for (const one of values) {
    if (one.k === "array") {
      if (seen.has(one)) continue;
      seen.add(one);
      elements = elements === null ? one.e : elements.concat(one.e);
      continue;
    }
    const key = identityOf(one);
    if (seen.has(key)) continue;
    seen.add(key);
    kept.push(one);
  }
  if (elements !== null) kept.push({ k: "array", e: unique(elements).slice(0, MAX_ELEMENTS) });
  return kept;
}

function identityOf(value: Value): unknown {
  switch (value.k) {
    case "ext":
      return `${value.pkg}:${value.path.join(".")}`;
    case "global":
      return `global:${value.path.join(".")}`;
    case "function":
      return value.f;
    case "class":
      return value.c;
    case "instance":
      return value.c.methods;
    case "object":
      return value.e;
    case "namespace":
      return value.file;
    case "lit":
      return `lit:${typeof value.v}:${value.v}`;
    case "shape":
      return value.members;
    case "param":
      return value.b;
    case "array":
      return value;
  }
}
