import type { Binding, Expr, TypeFact } from "../facts/model.ts";
import type { ClassIndex } from "./class-index.ts";
import type { Value } from "./value.ts";

/** What types need of the evaluator. */
export interface TypeHost {
  of(expr: Expr): Value[];
  imported(from: Binding["file"], request: string, name: string): Value[];
  readonly classes: ClassIndex;
}

const TRANSPARENT = new Set([
  "Promise",
  "Readonly",
  "Partial",
  "Required",
  "Awaited",
  "NonNullable",
  "Pick",
  "Omit",
  "Extract",
  "InstanceType",
  "DeepPartial",
]);
const MAX_IMPLEMENTORS = 30;

/** What something annotated with a type may be. */
export function typeValues(host: TypeHost, type: TypeFact, depth = 0): Value[] {
  if (depth > 8) return [];
  const again = (one: TypeFact) => typeValues(host, one, depth + 1);
  if (type.any.length > 0) return type.any.flatMap(again);
  if (type.members) return [{ k: "shape", members: type.members }];
  const root = type.root;
  if (!root) {
    if (type.name === "Array" || type.name === "ReadonlyArray")
      return [{ k: "array", e: type.args.slice(0, 1).flatMap(again) }];
    if (type.name === "ReturnType") return type.args.flatMap((one) => returnedBy(host, one));
    return TRANSPARENT.has(type.name) ? type.args.slice(0, 1).flatMap(again) : [];
  }
  if (type.query) return host.of(path({ k: "ref", b: root }, type.path));
  if (root.imported) {
    const declared = host.classes.declarationOf(root);
    if (declared && declared !== root) return ofDeclaration(host, declared, type, depth);
    return host.imported(root.file, root.imported.from, root.imported.name).flatMap((one) => instances(one, type.path));
  }
  return ofDeclaration(host, root, type, depth);
}

function ofDeclaration(host: TypeHost, binding: Binding, type: TypeFact, depth: number): Value[] {
  if (binding.kind === "class") return host.of({ k: "ref", b: binding }).flatMap((one) => instances(one, []));
  const decl = binding.decl;
  if (!decl) return [];
  let values = typeValues(host, decl.is, depth + 1);
  for (const one of decl.extends) values.push(...typeValues(host, one, depth + 1));
  for (const step of type.path) {
    const name = step.replace(/^\[|\]$/g, "");
    values = values.flatMap((one) => {
      const member = one.k === "shape" ? one.members[name] : undefined;
      return member ? typeValues(host, member, depth + 1) : [];
    });
  }
  if (type.path.length === 0)
    values.push(
      ...host.classes
        .implementors(binding)
        .slice(0, MAX_IMPLEMENTORS)
        .map((c): Value => ({ k: "instance", c })),
    );
  return values;
}

function returnedBy(host: TypeHost, type: TypeFact): Value[] {
  if (!type.query || !type.root) return [];
  return host.of(path({ k: "ref", b: type.root }, type.path)).flatMap((one): Value[] => {
    if (one.k === "function") return one.f.returns.flatMap((value) => host.of(value));
    return one.k === "ext" ? [{ ...one, path: [...one.path, "()"] }] : [];
  });
}

function instances(value: Value, names: string[]): Value[] {
  if (value.k === "class") return [{ k: "instance", c: value.c }];
  if (value.k === "ext") return [{ ...value, path: [...value.path, ...names, "new"] }];
  return [];
}

function path(from: Expr, names: string[]): Expr {
  return names.reduce<Expr>((o, p) => ({ k: "member", o, p, x: null, pos: 0 }), from);
}
