import type { CallFact, Expr, FunctionFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import type { Guard } from "./guard.ts";

const LIBRARIES: readonly [RegExp, RegExp, Guard["kind"], string][] = [
  [/^onceguard$|^@onceguard\//, /./, "onceguard", "run by Onceguard"],
  [
    /^@aws-lambda-powertools\/idempotency/,
    /makeIdempotent|makeHandlerIdempotent|idempotent/,
    "library",
    "made idempotent by Powertools",
  ],
  [/^idemkit$|^@idemkit\//, /./, "library", "run by idemkit"],
  [/^(?:redlock|@sesamecare-oss\/redlock)$/, /using|acquire/, "library", "under a lock"],
  [/^@node-idempotency\//, /./, "library", "made idempotent by node-idempotency"],
];

/** Functions that a guard runs: passed to it, or part of an action that is defined for it. */
export function guardedFunctions(evaluator: Evaluator): Map<FunctionFact, Guard> {
  const found = new Map<FunctionFact, Guard>();
  for (const file of evaluator.project.files.values()) {
    for (const call of file.calls) {
      const guard = guardOf(evaluator, call);
      if (guard)
        for (const arg of call.args)
          for (const fn of functionsIn(evaluator, arg)) if (!found.has(fn)) found.set(fn, guard);
    }
    for (const fn of file.functions)
      for (const decorator of fn.decorators)
        if (decorator.k === "call" || decorator.k === "ref") {
          const name =
            decorator.k === "call"
              ? decorator.c.callee.k === "ref"
                ? decorator.c.callee.b.name
                : ""
              : decorator.b.name;
          if (/^idempotent$/i.test(name))
            found.set(fn, { kind: "library", detail: `@${name}`, at: { fn, pos: fn.pos } });
        }
  }
  return found;
}

const KNOWN = new Map<string, typeof LIBRARIES>();

function librariesOf(pkg: string): typeof LIBRARIES {
  let known = KNOWN.get(pkg);
  if (!known) {
    known = LIBRARIES.filter(([name]) => name.test(pkg));
    KNOWN.set(pkg, known);
  }
  return known;
}

function guardOf(evaluator: Evaluator, call: CallFact): Guard | null {
  for (const value of evaluator.of(call.callee)) {
    if (value.k !== "ext") continue;
    for (const [, path, kind, detail] of librariesOf(value.pkg))
      if (path.test(value.path.join("."))) return { kind, detail, at: { fn: call.fn, pos: call.pos } };
  }
  return null;
}

function functionsIn(evaluator: Evaluator, expr: Expr): FunctionFact[] {
  const found: FunctionFact[] = [];
  for (const value of evaluator.of(expr)) {
    if (value.k === "function") found.push(value.f);
    if (value.k === "object")
      for (const prop of value.e.props)
        for (const one of evaluator.of(prop.value)) if (one.k === "function") found.push(one.f);
  }
  return found;
}
