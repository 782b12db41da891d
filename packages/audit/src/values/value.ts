import { NONE } from "../facts/lists.ts";
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
  | { k: "array"; e: Values }
  | { k: "namespace"; file: FileFacts }
  | { k: "lit"; v: string | number | boolean }
  /** Known by its type only. */
  | { k: "shape"; members: ReadonlyMap<string, TypeFact> }
  /** A parameter that no known caller fills. */
  | { k: "param"; b: Binding };

/** Answers are kept, and given to everyone who asks. */
export type Values = readonly Value[];

/** Longer lists are data. */
const MAX_ELEMENTS = 400;

/** Up to here comparing each with each is quicker than a set. */
const FEW = 8;

/** Keeps one of each, and one list of all elements: lists of lists of alternatives would multiply. */
export function unique(values: Values): Values {
  if (values.length < 2) return values;
  const seen = values.length > FEW ? new Set<unknown>() : null;
  const kept: Value[] = [];
  let elements: Values | null = null;
  for (const one of values) {
    if (one.k === "array") {
      elements = elements === null || elements === one.e ? one.e : elements.concat(one.e);
      continue;
    }
    if (seen ? has(seen, one) : kept.some((other) => isSame(other, one))) continue;
    kept.push(one);
  }
  if (elements !== null) kept.push({ k: "array", e: unique(elements).slice(0, MAX_ELEMENTS) });
  return kept;
}

function has(seen: Set<unknown>, value: Value): boolean {
  const before = seen.size;
  seen.add(identityOf(value));
  return seen.size === before;
}

function isSame(a: Value, b: Value): boolean {
  if (a.k !== b.k) return false;
  if (a.k === "ext" && b.k === "ext") return a.pkg === b.pkg && isSamePath(a.path, b.path);
  if (a.k === "global" && b.k === "global") return isSamePath(a.path, b.path);
  return identityOf(a) === identityOf(b);
}

function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}

/** For a list that is kept: with no more room than it needs. */
export function compact(values: Values): Values {
  return values.length === 0 ? NONE : values.slice();
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
