import type { ArrowFunctionExpression, Class, Expression, Function as FunctionNode, ParamPattern } from "oxc-parser";
import { addExit, inScope, keyName, type Lowering } from "./context.ts";
import { append, NONE } from "./lists.ts";
import { namedType } from "./lower-type.ts";
import type { Binding, ClassFact, Expr, FunctionFact, Region } from "./model.ts";
import { Scope } from "./scope.ts";

export function newFunction(on: Pick<Lowering, "file">, span: { start: number; end: number }): FunctionFact {
  const fn = {
    id: on.file.functions.length,
    name: "",
    file: on.file,
    kind: "module" as FunctionFact["kind"],
    hasBody: true,
    params: NONE,
    returns: NONE,
    returnType: null,
    async: false,
    parent: null as FunctionFact | null,
    cls: null as ClassFact | null,
    decorators: NONE,
    directive: null,
    calls: NONE,
    exits: NONE,
    region: null as unknown as Region,
    pos: span.start,
    start: span.start,
    end: span.end,
  } satisfies FunctionFact as FunctionFact;
  fn.region = {
    kind: "body",
    parent: null,
    fn,
    start: span.start,
    end: span.end,
    test: null,
    loop: null,
    handler: null,
  };
  on.file.functions.push(fn);
  return fn;
}

export function lowerFunction(
  on: Lowering,
  node: FunctionNode | ArrowFunctionExpression,
  name: string,
  kind: FunctionFact["kind"],
): FunctionFact {
  const fn = newFunction(on, node);
  fn.name = name;
  fn.kind = kind;
  fn.async = node.async;
  fn.parent = on.fn;
  fn.cls = on.cls;
  fn.hasBody = node.body !== null;
  if (node.id) fn.pos = node.id.start;
  const before = { fn: on.fn, region: on.region, cls: on.cls };
  // Only an arrow keeps the `this` around it. A method sets its class before it comes here.
  if (kind === "function") on.cls = null;
  on.fn = fn;
  on.region = fn.region;
  inScope(on, new Scope(on.scope, fn, true), () => {
    if (node.params.length > 0) fn.params = node.params.map((one, index) => lowerParam(on, one, fn, index));
    if (node.returnType) fn.returnType = on.typeOf(node.returnType.typeAnnotation);
    lowerBody(on, node.body, fn);
  });
  Object.assign(on, before);
  return fn;
}

function lowerBody(on: Lowering, body: FunctionNode["body"] | Expression, fn: FunctionFact): void {
  if (body === null) return;
  if (body.type !== "BlockStatement") {
    const value = on.expression(body as Expression);
    fn.returns = append(fn.returns, value);
    addExit(on, "return", body, value);
    return;
  }
  for (const one of body.body) {
    if (one.type === "ExpressionStatement" && "directive" in one && one.directive) fn.directive ??= one.directive;
    on.statement(one);
  }
}

function lowerParam(on: Lowering, node: ParamPattern, fn: FunctionFact, index: number): Binding {
  const rest = node.type === "RestElement";
  const type = rest && node.typeAnnotation ? on.typeOf(node.typeAnnotation.typeAnnotation) : null;
  const inner = node.type === "TSParameterProperty" ? node.parameter : rest ? node.argument : node;
  const binding = on.pattern(inner, null, "param", type);
  binding.param = { fn, index, rest };
  if (node.type === "TSParameterProperty" && on.cls) {
    const cls = on.cls;
    cls.fields[binding.name] = [{ k: "ref", b: binding }];
    if (binding.type) cls.fieldTypes[binding.name] = binding.type;
  }
  return binding;
}

export function lowerClass(on: Lowering, node: Class, name: string): ClassFact {
  const cls: ClassFact = {
    id: on.file.classes.length,
    name,
    file: on.file,
    superClass: node.superClass ? on.expression(node.superClass) : null,
    superArgs: node.superTypeArguments ? node.superTypeArguments.params.map((one) => on.typeOf(one)) : [],
    implements: (node.implements ?? []).flatMap((one) =>
      one.expression.type === "Identifier" ? [namedType(on, one.expression.name)] : [],
    ),
    abstract: node.abstract === true,
    decorators: node.decorators.map((one) => on.expression(one.expression)),
    methods: Object.create(null),
    statics: Object.create(null),
    fields: Object.create(null),
    fieldTypes: Object.create(null),
    staticFields: Object.create(null),
    pos: node.id?.start ?? node.start,
  };
  on.file.classes.push(cls);
  const before = on.cls;
  on.cls = cls;
  for (const one of node.body.body) {
    if (one.type === "StaticBlock") {
      for (const statement of one.body) on.statement(statement);
      continue;
    }
    if (one.type === "TSIndexSignature") continue;
    const key = keyName(one.key, one.computed) ?? "[]";
    const decorators =
      one.decorators.length > 0 ? one.decorators.map((decorator) => on.expression(decorator.expression)) : NONE;
    if (one.type === "MethodDefinition" || one.type === "TSAbstractMethodDefinition") {
      const kind = one.kind === "constructor" ? "constructor" : "method";
      const fn = on.functionOf(one.value, key, kind);
      fn.pos = one.key.start;
      fn.decorators = decorators;
      if (one.kind === "get" && fn.hasBody) {
        addGetter(one.static ? cls.staticFields : cls.fields, key, fn);
        if (fn.returnType) cls.fieldTypes[key] ??= fn.returnType;
        continue;
      }
      // An overload has no body: the implementation wins.
      const table = one.static ? cls.statics : cls.methods;
      if (!table[key] || fn.hasBody) table[key] = fn;
      continue;
    }
    if ("typeAnnotation" in one && one.typeAnnotation)
      cls.fieldTypes[key] = on.typeOf(one.typeAnnotation.typeAnnotation);
    if (!one.value) continue;
    const value: Expr = on.expression(one.value);
    if (value.k === "function") {
      value.f.name ||= key;
      value.f.decorators = decorators;
    }
    const table = one.static ? cls.staticFields : cls.fields;
    table[key] = append(table[key] ?? NONE, value);
  }
  on.cls = before;
  return cls;
}

/** What a getter returns is the value of the field. */
function addGetter(table: ClassFact["fields"], key: string, fn: FunctionFact): void {
  table[key] = [...(table[key] ?? []), ...fn.returns];
}
