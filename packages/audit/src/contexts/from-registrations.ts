import type { CallFact, Expr, FunctionFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption, optionLiterals } from "../values/options.ts";
import { HOLE, textOf } from "../values/text.ts";
import { textsOf } from "../values/texts.ts";
import type { Value } from "../values/value.ts";
import type { Contexts } from "./context.ts";
import { REGISTRATIONS, type Registration } from "./registrations.ts";

/** Packages that any registration speaks of; the rest is not looked at. */
const KNOWN = new Map<string, readonly Registration[]>();

function registrationsOf(pkg: string): readonly Registration[] {
  let known = KNOWN.get(pkg);
  if (!known) {
    known = REGISTRATIONS.filter((one) => one.packages.test(pkg));
    KNOWN.set(pkg, known);
  }
  return known;
}

/** Finds functions that are handed to queues, engines, hosts and wrappers. */
export function addRegistrations(
  evaluator: Evaluator,
  contexts: Contexts,
  calls: Iterable<CallFact>,
  added: readonly Registration[],
): void {
  for (const call of calls)
    for (const value of evaluator.of(call.callee)) {
      if (value.k === "global") addGlobal(evaluator, contexts, call, value);
      if (value.k !== "ext") continue;
      if (value.pkg.startsWith("@langchain/langgraph") && value.path.at(-1) === "interrupt")
        contexts.addPause(call.fn, call.pos, {
          family: "langgraph:interrupt-replay",
          at: { fn: call.fn, pos: call.pos },
          label: "interrupt()",
          call,
        });
      const known = registrationsOf(value.pkg);
      if (known.length + added.length === 0) continue;
      const path = [...value.path, ...(call.isNew ? ["new"] : [])].join(".");
      for (const one of known) if (one.path.test(path)) register(evaluator, contexts, call, one);
      for (const one of added)
        if (one.packages.test(value.pkg) && one.path.test(path)) register(evaluator, contexts, call, one);
    }
}

/** `Deno.serve`, `Bun.serve`: rare, and entries all the same. */
function addGlobal(
  evaluator: Evaluator,
  contexts: Contexts,
  call: CallFact,
  value: Extract<Value, { k: "global" }>,
): void {
  if (value.path.at(-1) !== "serve") return;
  const path = value.path.join(".");
  if (path !== "Deno.serve" && path !== "serve") return;
  for (const arg of call.args)
    for (const fn of functionsOf(evaluator, arg))
      contexts.add({ family: "entry:http-route", fn, at: { fn: call.fn, pos: call.pos }, label: path, call });
}

function register(evaluator: Evaluator, contexts: Contexts, call: CallFact, one: Registration): void {
  const name = one.name ? nameOf(evaluator, call, one.name) : null;
  const label = [one.label ?? "", name ?? ""].filter((text) => text !== "" && text !== HOLE).join(" ");
  const { functions, options } = taken(evaluator, call, one.take);
  if ("enclosing" in one.take) {
    contexts.add({ family: one.family, fn: outermost(call.fn), at: { fn: call.fn, pos: call.pos }, label, call });
    return;
  }
  if (functions.length > 0 && !one.inPlace) contexts.registrations.add(call);
  for (const fn of functions) {
    const method = call.callee.k === "member" ? call.callee.p : "";
    contexts.add({
      family: one.family,
      fn,
      at: { fn: call.fn, pos: call.pos },
      label: one.family === "entry:http-route" ? `${method.toUpperCase()} ${name ?? ""}`.trim() : label,
      attempts: attemptsOf(evaluator, call),
      call,
      options,
      role: one.role ?? null,
      declared: one.declared ?? null,
      safeByProtocol: one.family === "entry:http-route" && method === "get",
    });
    if (one.family === "job:trigger.dev") contexts.tasks.set(call, fn);
    if (one.name && name !== null && !name.includes(HOLE))
      contexts.addresses.push({ address: addressOf(one.name.kind, name), fn });
  }
}

function addressOf(
  kind: NonNullable<Registration["name"]>["kind"],
  name: string,
): Contexts["addresses"][number]["address"] {
  if (kind === "route") return { kind, path: name };
  return kind === "task" ? { kind, id: name } : { kind, name };
}

function nameOf(evaluator: Evaluator, call: CallFact, where: NonNullable<Registration["name"]>): string | null {
  const arg = call.args[where.arg];
  if (!arg) return null;
  const expr = where.prop ? findOption(evaluator, arg, [where.prop])?.value : arg;
  // A factory of workers has many names, and none of them is that of all.
  return expr && textsOf(evaluator, expr).length <= 1 ? textOf(evaluator, expr) : null;
}

function taken(
  evaluator: Evaluator,
  call: CallFact,
  take: Registration["take"],
): { functions: FunctionFact[]; options: Expr | null } {
  if ("enclosing" in take) return { functions: [], options: null };
  if ("arg" in take) {
    const arg = call.args[take.arg];
    return { functions: arg ? functionsOf(evaluator, arg) : [], options: call.args[take.arg + 1] ?? null };
  }
  if ("functions" in take)
    return {
      functions: call.args.flatMap((one) => functionsOf(evaluator, one)),
      options: call.args.find((one) => one.k === "object") ?? null,
    };
  const objects = take.object === "any" ? call.args : call.args.slice(take.object, take.object + 1);
  const functions = objects.flatMap((one) => membersOf(evaluator, one, take.props));
  return { functions, options: objects[0] ?? null };
}

function membersOf(evaluator: Evaluator, expr: Expr, props: readonly string[] | "all"): FunctionFact[] {
  const found: FunctionFact[] = [];
  for (const value of evaluator.of(expr)) {
    const names = props === "all" ? ["[]"] : props;
    const objects = value.k === "array" ? value.e : [value];
    for (const object of objects)
      for (const name of names)
        for (const member of evaluator.memberOf(object, name)) {
          if (member.k === "function") found.push(member.f);
          // `activities`, `taskList`, `handlers`: tables of functions.
          else if (member.k === "object" || member.k === "namespace") found.push(...tableOf(evaluator, member));
        }
  }
  return found;
}

function tableOf(evaluator: Evaluator, value: Value): FunctionFact[] {
  const values =
    value.k === "namespace"
      ? value.file.exports.flatMap((one) => evaluator.exported(value.file, one.name))
      : evaluator.memberOf(value, "[]");
  return values.flatMap((one) => (one.k === "function" ? [one.f] : []));
}

export function functionsOf(evaluator: Evaluator, expr: Expr): FunctionFact[] {
  return evaluator.of(expr).flatMap((one) => {
    if (one.k === "function") return [one.f];
    return one.k === "array" ? one.e.flatMap((inner) => (inner.k === "function" ? [inner.f] : [])) : [];
  });
}

const ATTEMPT_NAMES = [
  "retries",
  "maxAttempts",
  "attempts",
  "maxRetries",
  "retryLimit",
  "numOfAttempts",
  "max",
  "limit",
  "maxRetryAttempts",
];

/** How often, if a literal says so. */
export function attemptsOf(evaluator: Evaluator, call: CallFact): number | null {
  for (const arg of call.args) {
    if (arg.k === "function") continue;
    for (const nested of ["retry", "retryPolicy", "retryConfig"]) {
      const inner = findOption(evaluator, arg, [nested]);
      const found = inner ? numberOf(evaluator, inner.value) : null;
      if (found !== null) return found;
    }
    const found = numberOf(evaluator, arg);
    if (found !== null) return found;
  }
  return null;
}

function numberOf(evaluator: Evaluator, expr: Expr): number | null {
  for (const name of ATTEMPT_NAMES)
    for (const value of optionLiterals(evaluator, expr, name)) if (typeof value === "number") return value;
  const forever = findOption(evaluator, expr, ["forever"]);
  return forever?.value.k === "lit" && forever.value.v === true ? Number.POSITIVE_INFINITY : null;
}

/** The function that a nested one belongs to: up to a handler, which takes something, a method or the top of the file. */
export function outermost(fn: FunctionFact): FunctionFact {
  let at = fn;
  while (at.parent && at.parent.kind !== "module" && at.kind !== "method" && at.params.length === 0) at = at.parent;
  return at;
}
