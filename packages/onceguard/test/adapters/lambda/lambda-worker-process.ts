// An environment of a Lambda function: it gets events from its parent and answers them. What Lambda does to it
// (deliver again, freeze, kill at the timeout) its parent does.
import type { SQSEvent, SQSRecord } from "aws-lambda";
import { guardBatch } from "../../../src/adapters/lambda/index.ts";
import { asWorker } from "../engine-workers/fork-worker.ts";
import { guardOn, type PaymentOptions, payments } from "../engine-workers/payments.ts";

export interface Invocation {
  readonly event: SQSEvent;
  readonly timeoutMs: number;
}

const { options, ready, onAsk } = asWorker<PaymentOptions>();
const { pay, rule } = payments(options);
const guarded = options.guarded ? guardBatch(guardOn(options.store), pay, { ...rule, reserve: "500ms" }) : null;

onAsk(async ({ event, timeoutMs }: Invocation) => {
  const end = Date.now() + timeoutMs;
  if (guarded) return guarded(event, { getRemainingTimeInMillis: () => end - Date.now() });
  // As the documentation of partial batch responses shows it.
  const failed: SQSRecord[] = [];
  for (const record of event.Records) {
    try {
      await pay(JSON.parse(record.body));
    } catch {
      failed.push(record);
    }
  }
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
});
ready();
