import type { CallFact } from "../facts/model.ts";
import { channelsOf } from "../reach/channels.ts";
import type { Evaluator } from "../values/evaluator.ts";
import type { Contexts } from "./context.ts";
import { outermost } from "./from-registrations.ts";

/**
 * Receivers of cloud queues: who takes messages from which queue or subscription. Whoever asks for messages in a loop is
 * a receiver as well, and so is what it calls with them.
 */
export function addCloudQueues(evaluator: Evaluator, contexts: Contexts): void {
  for (const context of [...contexts.all]) {
    if (!context.fn || !context.call || !/^queue:(?:sqs-poll|pubsub|azure-sb|amqp)$/.test(context.family)) continue;
    for (const name of channelsOf(evaluator, context.call))
      contexts.addresses.push({ address: { kind: "queue", name }, fn: context.fn });
  }
  const subscriptions: CallFact[] = [];
  for (const file of evaluator.project.files.values()) {
    for (const call of file.calls) {
      if (subscribes(call)) subscriptions.push(call);
      if (!receives(evaluator, call)) continue;
      const fn = outermost(call.fn);
      contexts.add({
        family: "queue:sqs-poll",
        fn,
        at: { fn: call.fn, pos: call.pos },
        label: "ReceiveMessage",
        call,
      });
      for (const name of channelsOf(evaluator, call)) contexts.addresses.push({ address: { kind: "queue", name }, fn });
    }
  }
  for (const call of subscriptions)
    for (const topic of channelsOf(evaluator, call))
      for (const { address, fn } of [...contexts.addresses])
        if (address.kind === "queue" && address.name === nameGiven(call))
          contexts.addresses.push({ address: { kind: "queue", name: topic }, fn });
  nameLonelyHandlers(contexts);
}

/** `client.send(new ReceiveMessageCommand({ QueueUrl }))`, `sqs.receiveMessage()`. */
function receives(evaluator: Evaluator, call: CallFact): boolean {
  if (call.callee.k !== "member") return false;
  if (call.callee.p === "receiveMessage") return evaluator.of(call.callee).some((one) => one.k === "ext");
  const first = call.args[0];
  return (
    call.callee.p === "send" &&
    first !== undefined &&
    evaluator.of(first).some((one) => one.k === "ext" && one.path.at(-2) === "ReceiveMessageCommand")
  );
}

/** `topic("orders").createSubscription("orders-mail")`: what is published to the one arrives at the other. */
function subscribes({ callee, args }: CallFact): boolean {
  return callee.k === "member" && callee.p === "createSubscription" && args[0]?.k === "lit";
}

function nameGiven({ args }: CallFact): string {
  return args[0]?.k === "lit" ? String(args[0].v) : "";
}

/** The only handler of SQS events in a project receives what the project sends to its only queue. */
function nameLonelyHandlers(contexts: Contexts): void {
  const handlers = contexts.all.filter((one) => one.family === "queue:sqs-lambda" && one.fn !== null);
  const only = handlers[0]?.fn;
  if (handlers.length === 1 && only) contexts.addresses.push({ address: { kind: "queue", name: ANY_QUEUE }, fn: only });
}

/** Stands for whatever queue the deployment connects. */
export const ANY_QUEUE = "*";
