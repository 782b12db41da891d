import type { Boundary } from "../boundaries/boundary.ts";
import type { Binding, Expr, FunctionFact, Region } from "../facts/model.ts";
import { ingredientsOf } from "../keys/stability.ts";
import type { RetryPath } from "../reach/find-paths.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { render } from "./render.ts";

/** A value in scope of a call that names what the call is about. */
export interface KeyCandidate {
  text: string;
  /** The last name: `id` of `order.id`, `orderId`. */
  field: string;
  expr: Expr;
}

const ID = /^(?:id|_id|uuid|key|reference|number|sku)$|(?:Id|ID|_id|Uuid|Key|Reference|Number|Ref)$/;
const NOT_ID =
  /^(?:api|secret|publishable|access|client|priceId|price_id|planId|apiKey|accountId|templateId|template_id|channelId|channel)|(?:apiKey|secretKey|accessKey|ApiKey|SecretKey|Token)$/i;

/** Ids among the arguments, and ids of the event or job that the retry repeats. Only such that stay the same. */
export function keyCandidates(evaluator: Evaluator, boundary: Boundary, paths: readonly RetryPath[]): KeyCandidate[] {
  const found = new Map<string, KeyCandidate>();
  const add = (expr: Expr) => {
    const text = render(expr);
    const field = expr.k === "ref" ? expr.b.name : expr.k === "member" ? expr.p : "";
    if (text === null || !ID.test(field) || NOT_ID.test(field) || found.has(text)) return;
    const made = ingredientsOf(evaluator, expr);
    if (made.data && !made.fresh && !made.absent) found.set(text, { text, field, expr });
  };
  for (const arg of boundary.call.args) visit(arg, add, 0);
  for (const expr of eventIds(boundary.call.fn, boundary.call.region, paths)) add(expr);
  return [...found.values()];
}

function visit(expr: Expr, add: (expr: Expr) => void, depth: number): void {
  if (depth > 5) return;
  const again = (one: Expr) => visit(one, add, depth + 1);
  switch (expr.k) {
    case "ref":
    case "member": {
      add(expr);
      return;
    }
    case "object":
      for (const one of expr.props) again(one.value);
      return;
    case "template":
    case "array":
    case "op":
    case "either":
      for (const one of expr.e) again(one);
      return;
    case "spread": {
      again(expr.e);
      return;
    }
    default:
  }
}

/** `event.id`, `job.id`, `message.id`: parameters of the function that are named so. */
function eventIds(fn: FunctionFact, region: Region, paths: readonly RetryPath[]): Expr[] {
  if (!paths.some((one) => /^(?:webhook|job|queue|event):/.test(one.context.family))) return [];
  const names = /^(?:event|evt|job|message|msg|record|delivery)$/;
  const inScope: Binding[] = [];
  for (let at: FunctionFact | null = fn; at; at = at.parent) {
    const own = at;
    inScope.push(...own.file.bindings.filter((one) => one.fn === own && names.test(one.name) && one.pos < region.end));
  }
  return inScope.map((b): Expr => ({ k: "member", o: { k: "ref", b }, p: "id", x: null, pos: b.pos, answer: null }));
}
