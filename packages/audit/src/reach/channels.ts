import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { HOLE, textOf } from "../values/text.ts";

/**
 * What two processes know a queue or a topic by. Of a URL or an ARN only the last part counts; a name that comes from the
 * environment is known by its variable, which both sides read.
 */
export function channelOf(evaluator: Evaluator, expr: Expr, depth = 0): string | null {
  if (depth > 6) return null;
  const variable = environmentName(expr);
  if (variable !== null) return `$${variable}`;
  const text = textOf(evaluator, expr);
  if (text && !text.endsWith(HOLE)) return lastPart(text);
  if (expr.k === "either" || expr.k === "template" || expr.k === "op") {
    for (const one of expr.e) {
      const found = channelOf(evaluator, one, depth + 1);
      if (found) return found;
    }
    return null;
  }
  if (expr.k === "ref" && !expr.b.param)
    for (const source of expr.b.sources) {
      const found = channelOf(evaluator, source, depth + 1);
      if (found) return found;
    }
  return null;
}

/** `process.env.ORDERS_QUEUE_URL`, `env.ORDERS_QUEUE_URL`. */
function environmentName(expr: Expr): string | null {
  if (expr.k !== "member" || !/^[A-Z][A-Z0-9_]+$/.test(expr.p)) return null;
  return expr.p;
}

function lastPart(text: string): string {
  return text.split(/[/:]/).at(-1) || text;
}

const MAX_LINKS = 100;

const ADDRESS_OPTIONS = [
  "QueueUrl",
  "queueUrl",
  "TopicArn",
  "TargetArn",
  "topic",
  "queue",
  "queueName",
  "subscription",
];

/** The channels that a call names: in its options, in a command that it sends, or in the calls that made its client. */
export function channelsOf(evaluator: Evaluator, call: CallFact): string[] {
  const found = new Set<string>();
  const add = (expr: Expr | undefined) => {
    const name = expr ? channelOf(evaluator, expr) : null;
    if (name) found.add(name);
  };
  for (const arg of call.args)
    for (const holder of arg.k === "call" && arg.c.isNew ? arg.c.args : commandArguments(evaluator, arg))
      add(findOption(evaluator, holder, ADDRESS_OPTIONS)?.value);
  // `pubsub.topic("orders").publishMessage()`, `client.queue("orders").send()`
  // No further than a chain may be long: a variable may be made from itself.
  for (let [at, links]: [Expr, number] = [call.callee, 0]; links < MAX_LINKS; links++) {
    if (at.k === "member") at = at.o;
    else if (at.k === "ref" && !at.b.param && at.b.sources.length === 1) at = at.b.sources[0] as Expr;
    else if (at.k === "call") {
      if (at.c.callee.k === "member" && /^(?:topic|queue|subscription|createSender|producer)$/.test(at.c.callee.p))
        add(at.c.args[0]);
      at = at.c.callee;
    } else break;
  }
  return [...found];
}

/** A command that was put together before: `const command = new SendMessageCommand({...})`. */
function commandArguments(evaluator: Evaluator, expr: Expr): Expr[] {
  if (expr.k === "ref" && expr.b.sources.length === 1) {
    const source = expr.b.sources[0];
    if (source?.k === "call" && source.c.isNew) return source.c.args;
  }
  return expr.k === "object" || evaluator.of(expr).some((one) => one.k === "object") ? [expr] : [];
}
