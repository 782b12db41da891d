import type {
  ArrowFunctionExpression,
  BindingPattern,
  Class,
  Expression,
  Function as FunctionNode,
  Statement,
  TSType,
} from "oxc-parser";
import { append } from "./lists.ts";
import type { Binding, ClassFact, Exit, Expr, FileFacts, FunctionFact, Region, TypeFact } from "./model.ts";
import { sameName } from "./names.ts";
import type { PendingReference, Scope } from "./scope.ts";

/**
 * The state of lowering one file, and the way its parts call each other: expressions contain functions, functions contain
 * statements, statements contain expressions.
 */
export interface Lowering {
  readonly file: FileFacts;
  readonly source: string;
  scope: Scope;
  fn: FunctionFact;
  region: Region;
  cls: ClassFact | null;
  depth: number;
  readonly pending: PendingReference[];
  readonly pendingTypes: { type: TypeFact; scope: Scope }[];
  expression(node: Expression): Expr;
  statement(node: Statement): void;
  functionOf(node: FunctionNode | ArrowFunctionExpression, name: string, kind: FunctionFact["kind"]): FunctionFact;
  classOf(node: Class, name: string): ClassFact;
  typeOf(node: TSType): TypeFact;
  /** Declares the names of a pattern, each as the member of `value` that it takes. */
  pattern(node: BindingPattern, value: Expr | null, kind: Binding["kind"], type: TypeFact | null): Binding;
}

export function reference(on: Lowering, name: string): Expr {
  const reference: PendingReference = { k: "global", name: sameName(name), b: on.scope };
  on.pending.push(reference);
  return reference as unknown as Expr;
}

/** Runs with another scope, and puts the old one back. */
export function inScope<T>(on: Lowering, scope: Scope, run: () => T): T {
  const before = on.scope;
  on.scope = scope;
  try {
    return run();
  } finally {
    on.scope = before;
  }
}

export function addExit(on: Lowering, kind: Exit["kind"], { start }: { start: number }, value: Expr | null): void {
  on.fn.exits = append(on.fn.exits, { kind, region: on.region, pos: start, value });
}

export function inRegion(
  on: Lowering,
  kind: Region["kind"],
  span: { start: number; end: number },
  more: Partial<Pick<Region, "test" | "loop">>,
  run: () => void,
): Region {
  const region: Region = {
    kind,
    parent: on.region,
    fn: on.fn,
    start: span.start,
    end: span.end,
    test: more.test ?? null,
    loop: more.loop ?? null,
    handler: null,
  };
  const before = on.region;
  on.region = region;
  try {
    run();
  } finally {
    on.region = before;
  }
  return region;
}

/** The name of a property key, or null if it is computed. */
export function keyName(key: { type: string; name?: unknown; value?: unknown }, computed: boolean): string | null {
  if (key.type === "PrivateIdentifier") return sameName(`#${String(key.name)}`);
  if (key.type === "Identifier" && !computed) return sameName(String(key.name));
  if (key.type === "Literal" && (typeof key.value === "string" || typeof key.value === "number"))
    return sameName(String(key.value));
  return null;
}
