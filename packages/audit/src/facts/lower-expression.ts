import type { Argument, Expression, JSXChild, JSXElement, JSXFragment, ObjectExpression, TSType } from "oxc-parser";
import { assignTo } from "./assign.ts";
import { inRegion, keyName, type Lowering, reference } from "./context.ts";
import { append, NONE } from "./lists.ts";
import type { CallFact, Expr, FunctionFact, Prop } from "./model.ts";

/** What a stack can bear; a file nested deeper than that was made by a machine. */
const MAX_DEPTH = 1500;
const NOTHING: Expr = { k: "lit", v: null };

export function lowerExpression(on: Lowering, node: Expression): Expr {
  if (on.depth > MAX_DEPTH) throw new RangeError("nested too deeply");
  on.depth++;
  const expr = lower(on, node);
  on.depth--;
  return expr;
}

function lower(on: Lowering, node: Expression): Expr {
  switch (node.type) {
    case "Identifier":
      return reference(on, node.name);
    case "Literal": {
      const value = node.value;
      return {
        k: "lit",
        v: typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null,
      };
    }
    case "ThisExpression":
      return { k: "this", cls: on.cls };
    case "Super":
      return { k: "super", cls: on.cls, answer: null };
    case "MemberExpression": {
      const o = on.expression(node.object);
      if (node.computed) {
        const x = on.expression(node.property);
        const p = x.k === "lit" && (typeof x.v === "string" || typeof x.v === "number") ? String(x.v) : "[]";
        return { k: "member", o, p, x, pos: node.property.start, answer: null };
      }
      return {
        k: "member",
        o,
        p: keyName(node.property, false) ?? "[]",
        x: null,
        pos: node.property.start,
        answer: null,
      };
    }
    case "CallExpression":
    case "NewExpression":
      return lowerCall(
        on,
        node.callee,
        node.arguments,
        node.type === "NewExpression",
        node,
        typesOf(on, node.typeArguments),
      );
    case "V8IntrinsicExpression":
      return { k: "op", op: "intrinsic", e: node.arguments.map((one) => lowerArgument(on, one)) };
    case "ChainExpression":
    case "ParenthesizedExpression":
    case "TSNonNullExpression":
    case "TSInstantiationExpression":
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSTypeAssertion":
      return on.expression(node.expression as Expression);
    case "AwaitExpression": {
      const inner = on.expression(node.argument);
      if (inner.k === "call") inner.c.awaited = true;
      return inner;
    }
    case "TemplateLiteral":
      return {
        k: "template",
        s: node.quasis.map((one) => one.value.cooked ?? one.value.raw),
        e: node.expressions.map((one) => on.expression(one)),
      };
    case "TaggedTemplateExpression":
      return lowerCall(on, node.tag, [node.quasi], false, node, []);
    case "ObjectExpression":
      return lowerObject(on, node);
    case "ArrayExpression":
      return {
        k: "array",
        e: node.elements.map((one) => (one === null ? NOTHING : lowerArgument(on, one))),
        answer: null,
      };
    case "ArrowFunctionExpression":
      return { k: "function", f: on.functionOf(node, "", "arrow") };
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "TSDeclareFunction":
    case "TSEmptyBodyFunctionExpression":
      return { k: "function", f: on.functionOf(node, node.id?.name ?? "", "function") };
    case "ClassDeclaration":
    case "ClassExpression":
      return { k: "class", c: on.classOf(node, node.id?.name ?? "") };
    case "ConditionalExpression":
      return lowerConditional(on, node.test, node.consequent, node.alternate);
    case "LogicalExpression":
      return lowerLogical(on, node.operator, node.left, node.right);
    case "AssignmentExpression": {
      const value = on.expression(node.right);
      assignTo(on, node.left, value, node.operator !== "=");
      return value;
    }
    case "UpdateExpression":
      return { k: "op", op: node.operator, e: [on.expression(node.argument as Expression)] };
    case "UnaryExpression":
      return { k: "op", op: node.operator, e: [on.expression(node.argument)] };
    case "BinaryExpression":
      return { k: "op", op: node.operator, e: [on.expression(node.left as Expression), on.expression(node.right)] };
    case "SequenceExpression":
      return node.expressions.map((one) => on.expression(one)).at(-1) ?? NOTHING;
    case "YieldExpression":
      return node.argument ? on.expression(node.argument) : NOTHING;
    case "ImportExpression": {
      const from = on.expression(node.source);
      if (from.k === "lit" && typeof from.v === "string") on.file.requests.push(from.v);
      return { k: "import", from, file: on.file, answer: null };
    }
    case "JSXElement":
    case "JSXFragment":
      on.file.jsx = true;
      return { k: "op", op: "jsx", e: lowerJsx(on, node) };
    default:
      return { k: "op", op: node.type, e: [] };
  }
}

/** A branch runs only if its test says so: what it calls stands in a region of its own. */
function lowerConditional(on: Lowering, testNode: Expression, yes: Expression, no: Expression): Expr {
  const test = on.expression(testNode);
  const e: Expr[] = [];
  inRegion(on, "then", yes, { test }, () => e.push(on.expression(yes)));
  inRegion(on, "else", no, { test }, () => e.push(on.expression(no)));
  return { k: "either", op: "?:", test, e, answer: null };
}

function lowerLogical(on: Lowering, op: "??" | "||" | "&&", leftNode: Expression, rightNode: Expression): Expr {
  const left = on.expression(leftNode);
  const e = [left];
  const kind = op === "&&" ? "then" : "else";
  inRegion(on, kind, rightNode, { test: left }, () => e.push(on.expression(rightNode)));
  return { k: "either", op, test: left, e, answer: null };
}

export function lowerArgument(on: Lowering, node: Argument): Expr {
  return node.type === "SpreadElement" ? { k: "spread", e: on.expression(node.argument) } : on.expression(node);
}

function typesOf(on: Lowering, node: { params: TSType[] } | null | undefined): CallFact["typeArgs"] {
  return node ? node.params.map((one) => on.typeOf(one)) : NONE;
}

function lowerCall(
  on: Lowering,
  calleeNode: Expression,
  args: Argument[],
  isNew: boolean,
  node: { start: number; end: number },
  typeArgs: CallFact["typeArgs"],
): Expr {
  const callee = on.expression(calleeNode);
  const call: CallFact = {
    id: on.file.calls.length,
    callee,
    args: NONE,
    isNew,
    awaited: false,
    pos: callee.k === "member" ? callee.pos : calleeNode.start,
    start: node.start,
    end: node.end,
    fn: on.fn,
    region: on.region,
    next: null,
    floating: false,
    typeArgs,
  };
  on.file.calls.push(call);
  on.fn.calls = append(on.fn.calls, call);
  if (args.length > 0) call.args = args.map((one) => lowerArgument(on, one));
  const inner = callee.k === "member" ? callee.o : null;
  if (inner?.k === "call") inner.c.next = call;
  noteRequire(on, call);
  return { k: "call", c: call, answer: null };
}

function noteRequire(on: Lowering, call: CallFact): void {
  const first = call.args[0];
  if (call.callee.k === "global" && call.callee.name === "require" && first?.k === "lit" && typeof first.v === "string")
    on.file.requests.push(first.v);
}

function lowerObject(on: Lowering, node: ObjectExpression): Expr {
  const props: Prop[] = [];
  const expr = { k: "object" as const, props: NONE as Prop[], pos: node.start };
  let functions: FunctionFact | null = null;
  for (const one of node.properties) {
    if (one.type === "SpreadElement") {
      props.push({ key: "...", value: on.expression(one.argument), pos: one.start });
      continue;
    }
    const key = keyName(one.key, one.computed) ?? "[]";
    if (key === "[]") on.expression(one.key as Expression);
    const value: Expr =
      one.value.type === "FunctionExpression"
        ? { k: "function", f: on.functionOf(one.value, key, "function") }
        : on.expression(one.value);
    if (value.k === "function") {
      functions ??= value.f;
      if (value.f.name === "") value.f.name = key;
    }
    if (one.kind === "get" && value.k === "function") {
      for (const returned of value.f.returns) props.push({ key, value: returned, pos: one.key.start });
      continue;
    }
    props.push({ key, value, pos: one.key.start });
  }
  if (props.length > 0) expr.props = props.slice();
  if (functions !== null || props.some((one) => HANDLER_KEYS.has(one.key)))
    on.file.handlers.push({ expr, fn: on.fn, region: on.region });
  return expr;
}

const HANDLER_KEYS = new Set([
  "execute",
  "handler",
  "invoke",
  "func",
  "run",
  "fn",
  "action",
  "process",
  "perform",
  "jobs",
  "handlers",
  "resolve",
  "Mutation",
]);

function lowerJsx(on: Lowering, node: JSXElement | JSXFragment): Expr[] {
  const parts: Expr[] = [];
  if (node.type === "JSXElement") {
    for (const one of node.openingElement.attributes) {
      if (one.type === "JSXSpreadAttribute") parts.push(on.expression(one.argument));
      else if (one.value?.type === "JSXExpressionContainer" && one.value.expression.type !== "JSXEmptyExpression")
        parts.push(on.expression(one.value.expression));
    }
  }
  for (const child of node.children) parts.push(...lowerChild(on, child));
  return parts;
}

function lowerChild(on: Lowering, child: JSXChild): Expr[] {
  if (child.type === "JSXElement" || child.type === "JSXFragment") {
    if (on.depth > MAX_DEPTH) throw new RangeError("nested too deeply");
    on.depth++;
    const parts = lowerJsx(on, child);
    on.depth--;
    return parts;
  }
  if (child.type === "JSXExpressionContainer" && child.expression.type !== "JSXEmptyExpression")
    return [on.expression(child.expression)];
  if (child.type === "JSXSpreadChild") return [on.expression(child.expression)];
  return [];
}
