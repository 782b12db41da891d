import type { Declaration, ForStatementLeft, Statement, VariableDeclaration } from "oxc-parser";
import { assignTo } from "./assign.ts";
import { addExit, inRegion, inScope, type Lowering } from "./context.ts";
import { append, NONE } from "./lists.ts";
import { lowerModuleStatement } from "./lower-module.ts";
import { namedType, shapeType } from "./lower-type.ts";
import type { Expr, Region } from "./model.ts";
import { Scope } from "./scope.ts";

export function lowerStatement(on: Lowering, node: Statement): void {
  switch (node.type) {
    case "ExpressionStatement": {
      const value = on.expression(node.expression);
      if (value.k === "call" && !value.c.awaited) value.c.floating = true;
      return;
    }
    case "BlockStatement": {
      inBlock(on, () => {
        for (const one of node.body) on.statement(one);
      });
      return;
    }
    case "IfStatement": {
      const test = on.expression(node.test);
      inRegion(on, "then", node.consequent, { test }, () => inBlock(on, () => on.statement(node.consequent)));
      const alternate = node.alternate;
      if (alternate) inRegion(on, "else", alternate, { test }, () => inBlock(on, () => on.statement(alternate)));
      return;
    }
    case "TryStatement": {
      lowerTry(on, node);
      return;
    }
    case "ForStatement":
    case "WhileStatement":
    case "DoWhileStatement":
    case "ForOfStatement":
    case "ForInStatement": {
      lowerLoop(on, node);
      return;
    }
    case "SwitchStatement": {
      const test = on.expression(node.discriminant);
      inBlock(on, () => {
        for (const one of node.cases) {
          const label: Expr[] = one.test ? [test, on.expression(one.test)] : [test];
          inRegion(on, "case", one, { test: { k: "op", op: "===", e: label } }, () => {
            for (const statement of one.consequent) on.statement(statement);
          });
        }
      });
      return;
    }
    case "ReturnStatement": {
      const value = node.argument ? on.expression(node.argument) : null;
      if (value) on.fn.returns = append(on.fn.returns, value);
      addExit(on, "return", node, value);
      return;
    }
    case "ThrowStatement": {
      addExit(on, "throw", node, on.expression(node.argument));
      return;
    }
    case "BreakStatement":
    case "ContinueStatement":
      addExit(on, node.type === "BreakStatement" ? "break" : "continue", node, null);
      return;
    case "LabeledStatement": {
      on.statement(node.body);
      return;
    }
    case "WithStatement":
      on.expression(node.object);
      {
        on.statement(node.body);
        return;
      }
    case "DebuggerStatement":
    case "EmptyStatement":
      return;
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ExportDefaultDeclaration":
    case "ExportNamedDeclaration":
    case "TSExportAssignment":
    case "TSNamespaceExportDeclaration": {
      lowerModuleStatement(on, node, (declaration) => lowerDeclaration(on, declaration));
      return;
    }
    default: {
      lowerDeclaration(on, node);
      return;
    }
  }
}

function inBlock(on: Lowering, run: () => void): void {
  inScope(on, new Scope(on.scope, on.fn, false), run);
}

function lowerTry(on: Lowering, node: Extract<Statement, { type: "TryStatement" }>): void {
  const { handler, finalizer } = node;
  const region = inRegion(on, "try", node.block, {}, () => on.statement(node.block));
  if (handler)
    region.handler = inRegion(on, "catch", handler, {}, () =>
      inBlock(on, () => {
        if (handler.param) on.pattern(handler.param, null, "catch", null);
        on.statement(handler.body);
      }),
    );
  if (finalizer) inRegion(on, "finally", finalizer, {}, () => on.statement(finalizer));
}

type LoopNode = Extract<
  Statement,
  { type: "ForStatement" | "WhileStatement" | "DoWhileStatement" | "ForOfStatement" | "ForInStatement" }
>;

function lowerLoop(on: Lowering, node: LoopNode): void {
  inBlock(on, () => {
    const loop: NonNullable<Region["loop"]> = { type: LOOP_TYPES[node.type], over: null, test: null };
    if (node.type === "ForOfStatement" || node.type === "ForInStatement") {
      loop.over = on.expression(node.right);
      bindEach(on, node.left, loop.over);
    }
    if (node.type === "ForStatement" && node.init) {
      if (node.init.type === "VariableDeclaration") lowerVariables(on, node.init);
      else on.expression(node.init);
    }
    inRegion(on, "loop", node, { loop }, () => {
      if ("test" in node && node.test) loop.test = on.expression(node.test);
      if (node.type === "ForStatement" && node.update) on.expression(node.update);
      on.statement(node.body);
    });
  });
}

const LOOP_TYPES: Record<LoopNode["type"], NonNullable<Region["loop"]>["type"]> = {
  ForStatement: "for",
  WhileStatement: "while",
  DoWhileStatement: "do",
  ForOfStatement: "of",
  ForInStatement: "in",
};

function bindEach(on: Lowering, left: ForStatementLeft, over: Expr): void {
  const each: Expr = { k: "member", o: over, p: "[]", x: null, pos: left.start, answer: null };
  if (left.type !== "VariableDeclaration") {
    assignTo(on, left, each, false);
    return;
  }
  const first = left.declarations[0];
  if (first) on.pattern(first.id, each, left.kind === "var" ? "var" : "const", null);
}

function lowerVariables(on: Lowering, node: VariableDeclaration): void {
  for (const one of node.declarations) {
    const value = one.init ? on.expression(one.init) : null;
    if (one.id.type === "Identifier") {
      if (value?.k === "function") value.f.name ||= one.id.name;
      if (value?.k === "class") value.c.name ||= one.id.name;
    }
    const asserted =
      one.init?.type === "TSAsExpression" || one.init?.type === "TSTypeAssertion"
        ? on.typeOf(one.init.typeAnnotation)
        : null;
    on.pattern(one.id, value, node.kind === "var" ? "var" : "const", asserted);
  }
}

function lowerDeclaration(on: Lowering, node: Declaration | Statement): void {
  switch (node.type) {
    case "VariableDeclaration": {
      lowerVariables(on, node);
      return;
    }
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "TSDeclareFunction":
    case "TSEmptyBodyFunctionExpression": {
      if (!node.id) return;
      const binding = on.scope.declare(on.file, node.id.name, "function", node.id.start);
      const f = on.functionOf(node, node.id.name, "function");
      if (f.hasBody || binding.sources.length === 0) binding.sources = [{ k: "function", f }];
      return;
    }
    case "ClassDeclaration":
    case "ClassExpression": {
      if (!node.id) return;
      const binding = on.scope.declare(on.file, node.id.name, "class", node.id.start);
      binding.sources = append(binding.sources, { k: "class", c: on.classOf(node, node.id.name) });
      return;
    }
    case "TSInterfaceDeclaration": {
      const binding = on.scope.declare(on.file, node.id.name, "type", node.id.start);
      const parents = node.extends.flatMap(({ expression }) =>
        expression.type === "Identifier" ? [namedType(on, expression.name)] : [],
      );
      binding.decl = { name: node.id.name, is: shapeType(on, node.body.body), extends: parents };
      return;
    }
    case "TSTypeAliasDeclaration": {
      const binding = on.scope.declare(on.file, node.id.name, "type", node.id.start);
      binding.decl = { name: node.id.name, is: on.typeOf(node.typeAnnotation), extends: NONE };
      return;
    }
    case "TSEnumDeclaration":
      on.scope.declare(on.file, node.id.name, "const", node.id.start);
      return;
    case "TSModuleDeclaration":
      if (node.body?.type === "TSModuleBlock")
        inBlock(on, () => {
          for (const one of node.body?.type === "TSModuleBlock" ? node.body.body : []) on.statement(one);
        });
      return;
    case "TSImportEqualsDeclaration": {
      const from = node.moduleReference;
      if (from.type !== "TSExternalModuleReference") return;
      const binding = on.scope.declare(on.file, node.id.name, "import", node.id.start);
      binding.imported = { from: from.expression.value, name: "*", typeOnly: false };
      on.file.requests.push(from.expression.value);
      return;
    }
    default:
      return;
  }
}
