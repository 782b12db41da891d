import type { Binding, Expr, TypeFact } from "../facts/model.ts";
import type { ClassIndex } from "./class-index.ts";
import { extValue, globalValue, step, type Value, type Values } from "./value.ts";

/** What types need of the evaluator. */
export interface TypeHost {
  ofBinding(b: Binding): Values;
  of(expr: Expr): Values;
  memberOf(value: Value, p: string): Values;
  imported(from: Binding["file"], request: string, name: string): Values;
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
export function typeValues(host: TypeHost, type: TypeFact): Values {
  return valuesOf(host, type, { depth: 0, left: { steps: MAX_STEPS } });
}

function valuesOf(host: TypeHost, type: TypeFact, { depth, left }: Walk): Values {
  if (depth > MAX_DEPTH || --left.steps < 0) return [];
  const walk = { depth: depth + 1, left };
  const again = (one: TypeFact) => valuesOf(host, one, walk);
  if (type.any.length > 0) return type.any.flatMap(again);
  if (type.members) return [{ k: "shape", members: type.members }];
  const root = type.root;
  if (!root) {
    if (type.query) return [globalValue([type.name, ...type.path])];
    if (type.name === "Array" || type.name === "ReadonlyArray")
      return [{ k: "array", e: type.args.slice(0, 1).flatMap(again) }];
    if (type.name === "Map" || type.name === "Record" || type.name === "WeakMap")
      return [{ k: "array", e: type.args.slice(1, 2).flatMap(again) }];
    const platform = PLATFORM_TYPES[type.name];
    if (platform) return [extValue(platform, [type.name, "new"])];
    if (type.name === "ReturnType") return type.args.flatMap((one) => returnedBy(host, one));
    return TRANSPARENT.has(type.name) ? type.args.slice(0, 1).flatMap(again) : [];
  }
  if (type.query) return named(host, root, type.path);
  if (root.imported) {
    const declared = host.classes.declarationOf(root);
    if (declared && declared !== root) return ofDeclaration(host, declared, type, walk);
    return host.imported(root.file, root.imported.from, root.imported.name).flatMap((one) => instances(one, type.path));
  }
  return ofDeclaration(host, root, type, walk);
}

function ofDeclaration(host: TypeHost, binding: Binding, type: TypeFact, walk: Walk): Values {
  if (binding.kind === "class") return host.ofBinding(binding).flatMap((one) => instances(one, []));
  const decl = binding.decl;
  if (!decl) return [];
  let values = [...valuesOf(host, decl.is, walk)];
  for (const one of decl.extends) values.push(...valuesOf(host, one, walk));
  for (const step of type.path) {
    const name = step.replace(/^\[|\]$/g, "");
    values = values.flatMap((one) => {
      const member = one.k === "shape" ? one.members.get(name) : undefined;
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

function returnedBy(host: TypeHost, type: TypeFact): Values {
  if (!type.query || !type.root) return [];
  return named(host, type.root, type.path).flatMap((one): Values => {
    if (one.k === "function") return one.f.returns.flatMap((value) => host.of(value));
    return one.k === "ext" ? [step(one, "()")] : [];
  });
}

function instances(value: Value, names: string[]): Values {
  if (value.k === "class") return [{ k: "instance", c: value.c }];
  if (value.k === "ext") return [step(names.reduce(step, value), "new")];
  return [];
}

/** `typeof root.a.b`. */
function named(host: TypeHost, root: Binding, path: readonly string[]): Values {
  return path.reduce<Values>((values, p) => values.flatMap((one) => host.memberOf(one, p)), host.ofBinding(root));
}
