import type { Boundary } from "../boundaries/boundary.ts";
import type { CallGraph } from "../calls/call-graph.ts";
import type { Binding, CallFact, Expr, FunctionFact, Region } from "../facts/model.ts";
import type { RetryPath } from "../reach/find-paths.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { type FoundKey, findKey } from "./find-key.ts";
import { type Ingredients, ingredientsOf } from "./stability.ts";

export type KeyKind =
  | "none"
  | "stable"
  /** Some callers give one, some do not. */
  | "optional"
  | "unstable"
  /** Made inside what is repeated, by a loop or a wrapper that could have kept it. */
  | "in-attempt"
  /** One key for many operations. */
  | "coarse"
  /** Where the provider does not read it. */
  | "misplaced"
  /** Already signed: the chain takes the same bytes once. */
  | "signed";

export interface KeyState {
  kind: KeyKind;
  /** What a person should know, in words. */
  detail: string;
  /** Where the key is given. */
  at: { fn: FunctionFact; pos: number } | null;
  expr: Expr | null;
  /** Call sites that leave an optional key out. */
  omittedBy: CallFact[];
  /** The call that gives a key which is no good, where it is not the effect itself. */
  givenBy: CallFact | null;
}

/** What protects a call against being made twice, as far as the provider's own key goes. */
export function keyStateOf(
  evaluator: Evaluator,
  graph: CallGraph,
  boundary: Boundary,
  paths: readonly RetryPath[],
): KeyState {
  const found = findKey(evaluator, boundary);
  if (!found) return signedPayload(boundary) ?? state("none", "no idempotency key is passed", null, null);
  const at = keyPlace(boundary, found);
  if (found.place === "trap")
    return state(
      "misplaced",
      `the key is not where ${boundary.sink.id} reads it${boundary.sink.key.where ? ` (${boundary.sink.key.where})` : ""}`,
      at,
      found.value,
    );
  if (found.place === "client")
    return state("coarse", "the key is set on the client: one value for all its calls", at, found.value);
  return judge(evaluator, graph, boundary, found, paths);
}

/** At the key, if it stands in the call; one that comes from elsewhere is shown at the call. */
function keyPlace({ call }: Boundary, found: FoundKey): NonNullable<KeyState["at"]> {
  return { fn: call.fn, pos: found.pos >= call.start && found.pos <= call.end ? found.pos : call.pos };
}

function state(
  kind: KeyKind,
  detail: string,
  at: KeyState["at"],
  expr: Expr | null,
  omittedBy: CallFact[] = [],
): KeyState {
  return { kind, detail, at, expr, omittedBy, givenBy: null };
}

function judge(
  evaluator: Evaluator,
  graph: CallGraph,
  boundary: Boundary,
  found: FoundKey,
  paths: readonly RetryPath[],
): KeyState {
  const at = keyPlace(boundary, found);
  // `contentBasedDeduplication: true`: the content is the key.
  if (found.value.k === "lit" && found.value.v === true)
    return state("stable", "the provider derives the key from the content", at, found.value);
  const made = ingredientsOf(evaluator, found.value);
  const callers = made.params.size > 0 ? callersOf(evaluator, graph, boundary.call.fn, made, found.value) : null;
  if (made.fresh) {
    if (callers?.every.length && callers.omitted.length === 0 && isFallback(found.value))
      return state("stable", "every caller passes a key", at, found.value);
    const inside = paths.find((one) => isInside(made.fresh as NonNullable<Ingredients["fresh"]>, one));
    const what = `the key contains ${made.fresh.what}`;
    if (inside) return state("in-attempt", `${what}, made inside what is repeated`, at, found.value);
    return state("unstable", `${what}: every attempt has a new one`, at, found.value, callers?.omitted ?? []);
  }
  const fresh = callers?.every.find((one) => one.made.fresh);
  if (fresh?.made.fresh)
    return {
      ...state(
        "unstable",
        `a caller makes the key of ${fresh.made.fresh.what}`,
        { fn: fresh.call.fn, pos: fresh.call.pos },
        found.value,
      ),
      givenBy: fresh.call,
    };
  if (!made.data || made.sometimesFixed)
    return state("coarse", "the key does not depend on what this call is about", at, found.value);
  if (ignoresLoop(boundary.call, made))
    return state("coarse", "the key is the same for every turn of the loop around it", at, found.value);
  if (callers && callers.omitted.length > 0)
    return state("optional", "not every caller passes a key", at, found.value, callers.omitted);
  if (found.conditional || made.absent)
    return state("optional", "the key is passed only if it is there", at, found.value);
  return state("stable", "a key from the data of the call", at, found.value);
}

/** `given ?? randomUUID()`. */
function isFallback(expr: Expr): boolean {
  return expr.k === "either" && (expr.op === "??" || expr.op === "||");
}

/** The fresh value is made by a function or in a loop that a retry runs again as its own attempt. */
function isInside(fresh: NonNullable<Ingredients["fresh"]>, path: RetryPath): boolean {
  const { context } = path;
  if (!/^(?:loop|lib|decorator):/.test(context.family)) return false;
  const region = context.region;
  if (region)
    return region.fn === fresh.fn
      ? fresh.pos >= region.start && fresh.pos <= region.end
      : path.steps.some((one) => one.call.fn === fresh.fn);
  return context.fn === fresh.fn || path.steps.some((one) => one.call.fn === fresh.fn && one.call.fn !== context.at.fn);
}

interface CallerKeys {
  every: { call: CallFact; made: Ingredients }[];
  omitted: CallFact[];
}

/** Whether the callers of the function around the effect pass what the key is made of. */
function callersOf(
  evaluator: Evaluator,
  graph: CallGraph,
  fn: FunctionFact,
  made: Ingredients,
  key: Expr,
): CallerKeys | null {
  const deciding = [...made.params].filter((one) => one.param?.fn === fn);
  const calls = graph.named.of(fn);
  if (deciding.length === 0 || calls.length === 0) return null;
  const path = memberPath(key);
  const result: CallerKeys = { every: [], omitted: [] };
  for (const { call, offset } of calls.slice(0, 40)) {
    for (const binding of deciding) {
      const index = (binding.param as NonNullable<Binding["param"]>).index - offset;
      const arg = call.args[index];
      const value =
        arg && path.length > 0 && path[0] === binding
          ? (findOption(evaluator, arg, [path[1] as string])?.value ?? null)
          : (arg ?? null);
      const opaque =
        arg !== undefined &&
        value === null &&
        arg.k !== "object" &&
        !evaluator.of(arg).some((one) => one.k === "object");
      if (value === null && opaque) result.every.push({ call, made: ingredientsOf(evaluator, arg) });
      else if (value === null) result.omitted.push(call);
      else {
        const inner = ingredientsOf(evaluator, value);
        if (inner.absent && !inner.data) result.omitted.push(call);
        else result.every.push({ call, made: inner });
      }
    }
  }
  return result;
}

/** `options.idempotencyKey` of a parameter: [options, "idempotencyKey"], through a destructured name too. */
function memberPath(expr: Expr, depth = 0): [Binding, string] | [] {
  // `key = key ?? other`: a variable may be made from itself.
  if (depth > 10) return [];
  if (expr.k === "either") {
    for (const one of expr.e) {
      const found = memberPath(one, depth + 1);
      if (found.length > 0) return found;
    }
    return [];
  }
  if (expr.k === "member" && expr.o.k === "ref" && expr.o.b.param) return [expr.o.b, expr.p];
  if (expr.k === "ref" && !expr.b.param) {
    for (const source of expr.b.sources) {
      const found = memberPath(source, depth + 1);
      if (found.length > 0) return found;
    }
  }
  return [];
}

/** The call stands in a loop over items, and the key names none of what the loop binds. */
function ignoresLoop(call: CallFact, made: Ingredients): boolean {
  let fn: FunctionFact | null = call.fn;
  let region: Region | null = call.region;
  while (region) {
    const loop: Region = region;
    if (loop.kind === "loop" && loop.loop && (loop.loop.type === "of" || loop.loop.type === "in"))
      return ![...made.names].some((one) => one.pos >= loop.start && one.pos <= loop.end && one.file === call.fn.file);
    region = region.parent;
  }
  // `items.map((item) => send(...))`
  if (fn.kind === "arrow" && fn.parent) {
    const passed: CallFact | undefined = fn.file.calls.find(
      (one) =>
        one.callee.k === "member" &&
        /^(?:map|forEach|flatMap)$/.test(one.callee.p) &&
        one.args.some((arg) => arg.k === "function" && arg.f === fn),
    );
    if (passed) {
      const own = fn;
      fn = null;
      return ![...made.names].some((one) => one.pos >= own.start && one.pos <= own.end && one.file === own.file);
    }
  }
  return false;
}

const SIGNED = new Set([
  "sendRawTransaction",
  "sendSignedTransaction",
  "eth.sendSignedTransaction",
  "broadcastTransaction",
  "sendAndConfirmRawTransaction",
]);

/** A transaction that comes in signed is the same transaction each time; one that is built here is a new one. */
function signedPayload(boundary: Boundary): KeyState | null {
  if (boundary.sink.kind !== "chain-tx") return null;
  const first = boundary.call.args[0];
  const name = boundary.operation.split(".").at(-1) ?? "";
  const given = first?.k === "ref" && first.b.param !== null;
  if (
    SIGNED.has(name)
      ? given || first?.k !== "ref"
      : boundary.sink.id === "solana" && name === "sendTransaction" && given
  )
    return state("signed", "the transaction comes in signed: the chain takes the same bytes once", null, null);
  return null;
}
