import { NONE } from "../facts/lists.ts";
import type { Binding, CallFact, ClassFact, Expr, FileFacts, FunctionFact, TypeFact } from "../facts/model.ts";

/** What an expression may be at run time, as far as the sources tell. */
export type Value =
  | ExtValue
  | GlobalValue
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

/**
 * Something of a package. `path` is how it was come by: names, "()" for a call, "new", and "cb" for what the package
 * hands to a callback. `new Stripe(x).refunds.create` is stripe: default new refunds create.
 * `made` is the call that made the client, for its options.
 */
export type ExtValue = Outside<"ext">;
/** Something that the platform declares for everybody. */
export type GlobalValue = Outside<"global">;

interface Outside<K> {
  readonly k: K;
  /** Of a global: empty. */
  readonly pkg: string;
  readonly path: readonly string[];
  readonly made: CallFact | null;
  /** The same for all that was come by in the same way, whoever made the client. */
  readonly id: string;
  /** What was come by from here, by name: each is made once. */
  next: Map<string, Outside<K>> | null;
}

export function extValue(pkg: string, path: readonly string[], made: CallFact | null = null): ExtValue {
  return { k: "ext", pkg, path, made, id: `${pkg}:${path.join(".")}`, next: null };
}

export function globalValue(path: readonly string[], made: CallFact | null = null): GlobalValue {
  return { k: "global", pkg: "", path, made, id: `global:${path.join(".")}`, next: null };
}

/** `from.name`, of the same client. */
export function step<T extends ExtValue | GlobalValue>(from: T, name: string): T {
  const known = from.next?.get(name) as T | undefined;
  if (known) return known;
  const next = grown(from, name, from.made);
  from.next ??= new Map();
  (from.next as Map<string, T>).set(name, next);
  return next;
}

/** `from()` or `new from`: a client that `call` has made, unless it comes from one. */
export function madeBy<T extends ExtValue | GlobalValue>(from: T, name: "()" | "new", call: CallFact | null): T {
  return from.made || !call ? step(from, name) : grown(from, name, call);
}

function grown<T extends ExtValue | GlobalValue>(from: T, name: string, made: CallFact | null): T {
  const id = from.path.length === 0 ? from.id + name : `${from.id}.${name}`;
  return { k: from.k, pkg: from.pkg, path: [...from.path, name], made, id, next: null } as ExtValue | GlobalValue as T;
}

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
  if (a === b) return true;
  if (a.k !== b.k) return false;
  return identityOf(a) === identityOf(b);
}

/** For a list that is kept: with no more room than it needs. */
export function compact(values: Values): Values {
  return values.length === 0 ? NONE : values.slice();
}

function identityOf(value: Value): unknown {
  switch (value.k) {
    case "ext":
    case "global":
      return value.id;
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
