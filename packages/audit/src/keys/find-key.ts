import type { Boundary } from "../boundaries/boundary.ts";
import type { Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption, type Option } from "../values/options.ts";

/** Where a key was found, and whether the provider reads it there. */
export interface FoundKey extends Option {
  place: "right" | "trap" | "client";
  name: string;
}

/** First argument that holds options; what stands before is payload. */
const OPTIONS_FROM: Record<string, number> = {
  stripe: 1,
  resend: 1,
  "trigger-dev": 1,
  bullmq: 2,
  pgboss: 2,
  svix: 1,
  knock: 1,
  "openai-side": 1,
  "vercel-queue": 1,
  "graphile-worker": 2,
  "temporal-client": 1,
  adyen: 1,
};
/** Operations with a key of their own. */
const SPECIAL: Record<string, { names: string[] }> = { "stripe billing.meterEvents.create": { names: ["identifier"] } };
/** Keys that count only together with another option. */
const ONLY_WITH: Record<string, { names: string[]; option: string }> = {
  "discord post": { names: ["nonce"], option: "enforce_nonce" },
};
const KEY_WORDS = [
  "idempotencyKey",
  "idempotency_key",
  "Idempotency-Key",
  "X-Idempotency-Key",
  "Resend-Idempotency-Key",
];
const HTTP = new Set([
  "fetch",
  "axios",
  "got",
  "ky",
  "ofetch",
  "superagent",
  "better-fetch",
  "request",
  "node-http",
  "http-client",
]);
const HEADER_NAMES = [
  "Idempotency-Key",
  "X-Idempotency-Key",
  "PayPal-Request-Id",
  "X-Request-Id",
  "Idempotency-Token",
  "X-Payout-Idempotency",
  "Upstash-Deduplication-Id",
  "chargebee-idempotency-key",
];

/** Finds the idempotency key of a call, in the right place or in one that only looks right. */
export function findKey(evaluator: Evaluator, boundary: Boundary): FoundKey | null {
  return HTTP.has(boundary.sink.id) ? httpKey(evaluator, boundary) : sdkKey(evaluator, boundary);
}

function sdkKey(evaluator: Evaluator, boundary: Boundary): FoundKey | null {
  const { sink, call } = boundary;
  const special = SPECIAL[`${sink.id} ${boundary.operation}`];
  const from = special ? 0 : (OPTIONS_FROM[sink.id] ?? 0);
  const bound = ONLY_WITH[`${sink.id} ${boundary.operation}`];
  const switchedOn = !bound || call.args.some((one) => deepOption(evaluator, one, [bound.option], 2));
  const supported = switchedOn && (special !== undefined || sink.key.place !== "none");
  // The id of what is changed is no key, though a key of the same provider may be named so.
  const names = (special?.names ?? sink.key.names).filter((one) => one !== "id" || !boundary.natural);
  const args = call.args.flatMap((arg, index) => unwrapped(arg).map((expr) => ({ expr, index })));
  if (supported) {
    for (const { expr, index } of args) {
      if (index < from) continue;
      const found = deepOption(evaluator, expr, names, sink.key.place === "body" ? 2 : 1);
      if (found)
        return { ...found, place: sink.key.traps?.includes(names[0] ?? "") ? "trap" : "right", name: names[0] ?? "" };
    }
    if (sink.key.place === "param") {
      const positional = call.args.find((one, index) => index > 0 && isKeyName(one));
      if (positional)
        return { value: positional, pos: call.pos, conditional: false, place: "right", name: names[0] ?? "" };
    }
  }
  const others = names.filter((one) => one.length > 4 && !bound?.names.includes(one));
  for (const { expr } of args) {
    const found = deepOption(evaluator, expr, [...others, ...KEY_WORDS], 2);
    if (found) return { ...found, place: "trap", name: KEY_WORDS[0] as string };
  }
  return null;
}

/** `new XCommand(input)` is what it wraps; a list is its elements. */
function unwrapped(expr: Expr): Expr[] {
  if (expr.k === "call" && expr.c.isNew) return expr.c.args;
  if (expr.k === "array") return expr.e;
  return [expr];
}

/** The option itself, or one level further in. */
function deepOption(evaluator: Evaluator, expr: Expr, names: readonly string[], depth: number): Option | null {
  const direct = findOption(evaluator, expr, names);
  if (direct || depth <= 1) return direct;
  const objects =
    expr.k === "object" ? [expr] : evaluator.of(expr).flatMap((one) => (one.k === "object" ? [one.e] : []));
  for (const object of objects)
    for (const prop of object.props) {
      if (prop.key === "...") continue;
      const found = prop.value.k === "object" || prop.value.k === "array" ? inside(evaluator, prop.value, names) : null;
      if (found) return found;
    }
  return null;
}

function inside(evaluator: Evaluator, expr: Expr, names: readonly string[]): Option | null {
  if (expr.k === "array") {
    for (const one of expr.e) {
      const found = findOption(evaluator, one, names);
      if (found) return found;
    }
    return null;
  }
  return findOption(evaluator, expr, names);
}

function isKeyName(expr: Expr): boolean {
  const name = expr.k === "ref" ? expr.b.name : expr.k === "member" ? expr.p : "";
  return /idempoten/i.test(name);
}

function httpKey(evaluator: Evaluator, boundary: Boundary): FoundKey | null {
  const { call, made } = boundary;
  for (const arg of call.args) {
    const headers = findOption(evaluator, arg, ["headers"]);
    const found = (headers && findHeader(evaluator, headers.value)) ?? null;
    if (found) return { ...found, conditional: found.conditional, place: "right", name: "Idempotency-Key" };
  }
  for (const arg of call.args) {
    const body = findOption(evaluator, arg, ["body", "data", "json"])?.value ?? (arg.k === "function" ? null : arg);
    const found = body
      ? findOption(
          evaluator,
          body,
          boundary.sink.key.names.filter((one) => !one.includes("-")),
        )
      : null;
    if (found) return { ...found, place: "right", name: "body" };
  }
  // `axios.create({ headers: { "Idempotency-Key": x } })`: one value for everything that the client sends.
  for (const arg of made?.args ?? []) {
    const headers = findOption(evaluator, arg, ["headers"]);
    const found = headers ? findHeader(evaluator, headers.value) : null;
    if (found) return { ...found, place: "client", name: "Idempotency-Key" };
  }
  return null;
}

/** A header in an object, in `new Headers()`, or set later. */
function findHeader(evaluator: Evaluator, expr: Expr): Option | null {
  const direct = findOption(evaluator, expr, HEADER_NAMES);
  if (direct) return direct;
  if (expr.k !== "ref") return null;
  for (const call of expr.b.file.calls) {
    const { callee, args } = call;
    if (
      callee.k !== "member" ||
      (callee.p !== "set" && callee.p !== "append") ||
      callee.o.k !== "ref" ||
      callee.o.b !== expr.b
    )
      continue;
    const [name, value] = args;
    if (name?.k === "lit" && value && HEADER_NAMES.some((one) => one.toLowerCase() === String(name.v).toLowerCase()))
      return { value, pos: call.pos, conditional: call.region.kind !== "body" };
  }
  return null;
}
