import { ChangeMessageVisibilityCommand, type Message, type SQSClient } from "@aws-sdk/client-sqs";
import { type Duration, durationMs } from "../../core/duration.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { guardedJob, type JobHandler, type JobOptions, type JobRule } from "../guarded-job.ts";
import type { Later, Never } from "../job-verdict.ts";
import { type JobAction, jobWork } from "../job-work.ts";
import { jsonOf, withPayload } from "../message-payload.ts";

/** The queue that messages come from, and who speaks to it. */
export interface SqsQueue {
  readonly sqs: Pick<SQSClient, "send">;
  readonly queueUrl: string;
  /** How long a message stays hidden without a sign of life from its worker; renewed at a third of it. Default 30 s. */
  readonly visibilityTimeout?: Duration;
}

/** Options of `guardMessage` that are SQS's own. */
export interface SqsOptions {
  /** How the payload is read. Default: the body is JSON. */
  readonly payload?: (message: Message) => unknown;
  /** Told why a message stays in the queue, for a log or a metric: SQS keeps no reasons. */
  readonly report?: (verdict: Later | Never, message: Message) => void;
}

/** The message when it is to be deleted; undefined when it stays in the queue. What sqs-consumer wants of `handleMessage`. */
export type GuardedMessage = (message: Message) => Promise<Message | undefined>;

/** SQS hides a message for 12 hours at most. */
const LONGEST_S = 43_200;

/**
 * A handler of SQS messages that makes the effect of a message once, however often SQS delivers it. `done` gives the message
 * back, to be deleted; `later` hides it until then; `never` leaves it for the dead-letter queue. While it runs, the message
 * stays hidden.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`
 */
export function guardMessage<Input, Result>(
  guard: Guard,
  queue: SqsQueue,
  action: JobAction<Input, Result>,
  options?: JobOptions<Message> & SqsOptions,
): GuardedMessage;
export function guardMessage<Payload, Result>(
  guard: Guard,
  queue: SqsQueue,
  handler: JobHandler<Payload, Result, Message>,
  rule: JobRule<Payload, Result, Message> & SqsOptions,
): GuardedMessage;
export function guardMessage<Payload, Result>(
  guard: Guard,
  queue: SqsQueue,
  given: JobAction<Payload, Result> | JobHandler<Payload, Result, Message>,
  more: (JobOptions<Message> | JobRule<Payload, Result, Message>) & SqsOptions = {},
): GuardedMessage {
  const { payload: read = ({ Body }: Message) => jsonOf(Body), report, ...rest } = more;
  const deliver = guardedJob(guard, jobWork(given, rest));
  const { sqs, queueUrl: QueueUrl, visibilityTimeout = "30s" } = queue;
  const visibilityMs = durationMs(visibilityTimeout, "visibilityTimeout");

  const hide = async ({ ReceiptHandle }: Message, ms: number): Promise<void> => {
    const VisibilityTimeout = Math.min(Math.ceil(ms / 1_000), LONGEST_S);
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }));
  };

  return async (message) => {
    const verdict = await withPayload(
      () => read(message),
      (payload) =>
        deliver({
          job: message,
          payload,
          // Not the queue: a message keeps its id on its way to the dead-letter queue, and may be handled there.
          scope: "sqs",
          callId: message.MessageId ?? "",
          again: Number(message.Attributes?.ApproximateReceiveCount ?? 1) > 1,
          heartbeat: { everyMs: visibilityMs / 3, beat: () => hide(message, visibilityMs) },
        }),
    );
    if (verdict.verdict === "done") return message;
    report?.(verdict, message);
    // Where that fails, it comes back after the timeout that it has.
    if (verdict.verdict === "later") await hide(message, verdict.delayMs).catch(() => undefined);
    return undefined;
  };
}
