import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { textOf } from "../values/text.ts";
import type { Boundary } from "./boundary.ts";

/** Fields of a Stripe subscription update that charge, or that count up: with them a repeat is not the same. */
const BILLING = ["billing_cycle_anchor", "items", "add_invoice_items", "trial_end", "quantity", "price"];
const HARMLESS_VALUES: Record<string, RegExp> = { billing_cycle_anchor: /^unchanged$/, trial_end: /^\d+$/ };

/** An update that bills is not natural, whatever its name says. What a caller decides is not natural either. */
export function billsAtOnce(evaluator: Evaluator, sinkId: string, call: CallFact, path: readonly string[]): boolean {
  if (sinkId !== "stripe" || path.at(-1) !== "update" || path.at(-2) !== "subscriptions") return false;
  const data = call.args[1];
  if (!data) return false;
  if (data.k !== "object" && !evaluator.of(data).some((one) => one.k === "object")) return true;
  return BILLING.some((name) => {
    const found = findOption(evaluator, data, [name]);
    if (!found) return false;
    const harmless = HARMLESS_VALUES[name];
    const text = textOf(evaluator, found.value) ?? "";
    return !harmless?.test(text);
  });
}

/** What the arguments of a Stripe call make of it: a change of one thing by its id, or a second one that is refused. */
export function settlesOnce(evaluator: Evaluator, sinkId: string, call: CallFact, path: readonly string[]): boolean {
  if (sinkId === "discord") return answersInteraction(call);
  if (sinkId !== "stripe") return false;
  const [first, second] = call.args;
  const operation = path.slice(-2).join(".");
  // A subscription has one schedule.
  if (operation === "subscriptionSchedules.create")
    return first !== undefined && findOption(evaluator, first, ["from_subscription"]) !== null;
  // `rawRequest("POST", "/v1/customers/cus_1", {...})`
  if (path.at(-1) !== "rawRequest" || !second) return false;
  return /\/(?:customers|products|prices|coupons|accounts)\/\{\}$/.test(textOf(evaluator, second) ?? "");
}

/** A topic hands on what is published; a phone rings. */
export function toPhone(evaluator: Evaluator, found: Boundary): Boundary {
  const [input] = found.call.args;
  if (found.sink.id !== "sns" || !input) return found;
  const given = input.k === "call" && input.c.isNew ? input.c.args[0] : input;
  return given && findOption(evaluator, given, ["PhoneNumber"])
    ? { ...found, kind: "sms", tier: "irreversible" }
    : found;
}

/** Discord takes one answer to an interaction; to a message it takes any number. */
function answersInteraction({ callee }: CallFact): boolean {
  if (callee.k !== "member" || callee.p !== "reply") return false;
  const { o } = callee;
  if (o.k !== "ref") return false;
  const type = o.b.type?.path.at(-1) ?? o.b.type?.name ?? "";
  return /interaction/i.test(o.b.name) || /Interaction$/.test(type);
}

/** An allowance is set, not added to: `{ functionName: "approve" }`, also inside the data of a transaction. */
export function setsAllowance(evaluator: Evaluator, call: CallFact): boolean {
  return call.args.some((one) => namesAllowance(evaluator, one, 0));
}

function namesAllowance(evaluator: Evaluator, expr: Expr, depth: number): boolean {
  if (depth > 4) return false;
  const again = (one: Expr) => namesAllowance(evaluator, one, depth + 1);
  if (expr.k === "object")
    return expr.props.some((one) =>
      one.key === "functionName" || one.key === "method"
        ? /^(?:approve|setApprovalForAll)$/.test(textOf(evaluator, one.value) ?? "")
        : again(one.value),
    );
  if (expr.k === "call") return expr.c.args.some(again);
  return expr.k === "ref" && expr.b.sources.length === 1 && again(expr.b.sources[0] as Expr);
}

/** `{ increment: 1 }`, `$inc`, `count + 1` in SQL: a second time counts twice. */
export function countsUp(call: CallFact): boolean {
  return call.args.some((one) => counts(one, 0));
}

function counts(expr: Expr, depth: number): boolean {
  if (depth > 6) return false;
  switch (expr.k) {
    case "object":
      return expr.props.some(
        (one) => /^(?:increment|decrement|\$inc|\$push|push)$/.test(one.key) || counts(one.value, depth + 1),
      );
    case "array":
      return expr.e.some((one) => counts(one, depth + 1));
    case "template":
      return /set\s[\s\S]*=\s*\w+\s*[+-]/i.test(expr.s.join("x"));
    case "call":
      return expr.c.args.some((one) => counts(one, depth + 1));
    default:
      return false;
  }
}
