import { type Comment, parseSync, rawTransferSupported } from "oxc-parser";
import type { Lowering } from "./context.ts";
import { lowerExpression } from "./lower-expression.ts";
import { lowerClass, lowerFunction, newFunction } from "./lower-function.ts";
import { lowerPattern } from "./lower-pattern.ts";
import { lowerStatement } from "./lower-statement.ts";
import { lowerType } from "./lower-type.ts";
import type { Expr, FileFacts } from "./model.ts";
import { readIgnores } from "./read-ignores.ts";
import { Scope } from "./scope.ts";

const OPTIONS = {
  sourceType: "unambiguous",
  preserveParens: false,
  ...(rawTransferSupported() ? { experimentalRawTransfer: true } : {}),
} as Parameters<typeof parseSync>[2];

/** Parses a file and keeps its facts. Throws for what cannot be read at all; syntax errors leave what could be parsed. */
export function lowerFile(path: string, source: string, hash: string): FileFacts {
  const parsed = parseSync(path, source, OPTIONS);
  const lineStarts = findLines(source);
  const file: FileFacts = {
    path,
    hash,
    lines: lineStarts.length,
    lineStarts,
    syntaxErrors: parsed.errors.length,
    jsx: false,
    directives: [],
    bindings: [],
    functions: [],
    classes: [],
    calls: [],
    writes: [],
    exports: [],
    requests: [],
    handlers: [],
    ignores: [],
    generated: isGenerated(source),
  };
  const fn = newFunction({ file }, { start: 0, end: source.length });
  fn.name = "module";
  const on: Lowering = {
    file,
    source,
    scope: new Scope(null, null, true),
    fn,
    region: fn.region,
    cls: null,
    depth: 0,
    pending: [],
    pendingTypes: [],
    expression: (node) => lowerExpression(on, node),
    statement: (node) => lowerStatement(on, node),
    functionOf: (node, name, kind) => lowerFunction(on, node, name, kind),
    classOf: (node, name) => lowerClass(on, node, name),
    typeOf: (node) => lowerType(on, node),
    pattern: (node, value, kind, type) => lowerPattern(on, node, value, kind, type),
  };
  for (const one of parsed.program.body) {
    if (one.type === "ExpressionStatement" && "directive" in one && one.directive) file.directives.push(one.directive);
    on.statement(one);
  }
  settle(on);
  if (source.includes("onceguard-")) file.ignores = readIgnores(parsed.comments as Comment[], lineStarts);
  return file;
}

/** Functions and vars may be used before they are declared: names are looked up when all are known. */
function settle(on: Lowering): void {
  for (const reference of on.pending) {
    reference.b = (reference.b as Scope).find(reference.name);
    if (reference.b === null) continue;
    reference.k = "ref";
    reference.name = "";
  }
  for (const { type, scope } of on.pendingTypes) type.root = scope.find(type.name);
}

function findLines(source: string): number[] {
  const starts = [0];
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  if (starts.length > 1 && starts.at(-1) === source.length) starts.pop();
  return starts;
}

const GENERATED = /@generated|DO NOT EDIT|auto-?generated (?:file|by|code)|This file (?:is|was) (?:auto-?)?generated/i;

function isGenerated(source: string): boolean {
  return GENERATED.test(source.slice(0, 600));
}

/** An expression that stands for nothing. */
export const NO_VALUE: Expr = { k: "lit", v: null };
