// Attempts of a Temporal activity, in Temporal's own environment for tests: the SDK's context, heartbeats, cancellation
// and failures. What the server does (attempts, timeouts) the parent does.
import { ApplicationFailure, type Info } from "@temporalio/activity";
import { guardActivity } from "../../../src/adapters/temporal/index.ts";
import { asWorker } from "../engine-workers/fork-worker.ts";
import { guardOn, type Payment, type PaymentOptions, payments } from "../engine-workers/payments.ts";
import { environmentOf } from "./environment.ts";

/** What the server would be told of an attempt. */
export type Answer =
  | { readonly result: unknown }
  | { readonly nonRetryable: boolean; readonly delayMs: number; readonly type: string; readonly message: string };

export interface Attempt {
  readonly info: Partial<Info>;
  readonly payment: Payment;
}

const { options, ready, onAsk } = asWorker<PaymentOptions>();
const { pay, rule } = payments(options);
const activity = options.guarded ? guardActivity(guardOn(options.store), pay, rule) : pay;

onAsk(async ({ info, payment }: Attempt): Promise<Answer> => {
  const environment = environmentOf(info);
  try {
    return { result: await environment.run(activity, payment) };
  } catch (error) {
    // As the worker does: whatever is no ApplicationFailure becomes one that is retried.
    const { nonRetryable, nextRetryDelay, type, message } = ApplicationFailure.fromError(error);
    return { nonRetryable: nonRetryable === true, delayMs: Number(nextRetryDelay ?? 10), type: type ?? "", message };
  }
});
ready();
