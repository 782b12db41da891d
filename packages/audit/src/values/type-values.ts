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
/** Types that a platform declares for everybody: nobody imports them. */
const PLATFORM_TYPES: Partial<Record<string, string>> = Object.assign(Object.create(null), {
  Queue: "cloudflare:queue",
  R2Bucket: "cloudflare:r2",
  KVNamespace: "cloudflare:kv",
});
const MAX_IMPLEMENTORS = 30;
const MAX_DEPTH = 8;
/** Unions of unions: whoever computes with types writes more of them than can be followed. */
const MAX_STEPS = 300;

interface Walk {
  depth: number;
  left: { steps: number };
}

/** What something annotated with a type may be. */
export function typeValues(host: TypeHost, type: TypeFact): Value[] {
  return valuesOf(host, type, { depth: 0, left: { steps: MAX_STEPS } });
}

function valuesOf(host: TypeHost, type: TypeFact, { depth, left }: Walk): Value[] {
  if (depth > MAX_DEPTH || --left.steps < 0) return [];
  const walk = { depth: depth + 1, left };
  const again = (one: TypeFact) => valuesOf(host, one, walk);
  if (type.any.length > 0) return type.any.flatMap(again);
  if (type.members) return [{ k: "shape", members: type.members }];
  const root = type.root;
  if (!root) {
    if (type.query) return [{ k: "global", path: [type.name, ...type.path] }];
    if (type.name === "Array" || type.name === "ReadonlyArray")
      return [{ k: "array", e: type.args.slice(0, 1).flatMap(again) }];
    if (type.name === "Map" || type.name === "Record" || type.name === "WeakMap")
      return [{ k: "array", e: type.args.slice(1, 2).flatMap(again) }];
    const platform = PLATFORM_TYPES[type.name];
    if (platform) return [{ k: "ext", pkg: platform, path: [type.name, "new"] }];
    if (type.name === "ReturnType") return type.args.flatMap((one) => returnedBy(host, one));
    return TRANSPARENT.has(type.name) ? type.args.slice(0, 1).flatMap(again) : [];
  }
  if (type.query) return host.of(path({ k: "ref", b: root }, type.path));
  if (root.imported) {
    const declared = host.classes.declarationOf(root);
    if (declared && declared !== root) return ofDeclaration(host, declared, type, walk);
    return host.imported(root.file, root.imported.from, root.imported.name).flatMap((one) => instances(one, type.path));
  }
  return ofDeclaration(host, root, type, walk);
}

function ofDeclaration(host: TypeHost, binding: Binding, type: TypeFact, walk: Walk): Value[] {
  if (binding.kind === "class") return host.of({ k: "ref", b: binding }).flatMap((one) => instances(one, []));
  const decl = binding.decl;
  if (!decl) return [];
  let values = valuesOf(host, decl.is, walk);
  for (const one of decl.extends) values.push(...valuesOf(host, one, walk));
  for (const step of type.path) {
    const name = step.replace(/^\[|\]$/g, "");
    values = values.flatMap((one) => {
      const member = one.k === "shape" ? one.members[name] : undefined;
      return member ? valuesOf(host, member, walk) : [];
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
